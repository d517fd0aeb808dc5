"""The measuring script compares passes that compute the same rows."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.attribution.plain import collect
from tests.support import shard_frame, tiny_model
from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences, batches_of
from workflow_scripts.common.config.load import ROOT
from workflow_scripts.tools.bench.measure_pass import PASSES, compare, random_model, random_shard


@pytest.fixture(scope="module")
def engine():
    return GradientEngine(tiny_model(), 4, 3)


def test_bergsons_own_index_holds_the_rows_of_our_pass(engine, tmp_path):
    sequences = Sequences(shard_frame(20)["input_ids"].to_list())
    rows, _ = collect(engine, sequences)
    made = engine.build(sequences, tmp_path, 256)
    index = np.fromfile(made / "gradients.bin", dtype=np.float32).reshape(20, -1)
    assert np.array_equal(index, rows.flatten(1).numpy())


def test_passes_are_compared_in_turn_and_reported(engine):
    said = []
    ratios = compare(engine, shard_frame(20), "bfloat16", 256, 2, said.append)
    assert list(ratios) == list(PASSES)
    assert ratios["plain"] == 1
    assert 0.5 < ratios["document pass"] < 50
    assert all(name in line for name, line in zip(PASSES, said, strict=True))


def test_batches_hold_every_row_once_within_tokens_and_rows(engine):
    lengths = [5, 40, 7, 33, 12, 40, 2] * 9
    batches = batches_of(lengths, 160, engine)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(max(lengths[row] for row in batch) * len(batch) <= 160 for batch in batches)
    padded = sum(max(lengths[row] for row in batch) * len(batch) for batch in batches)
    assert padded < 1.3 * sum(lengths)


@pytest.mark.parametrize(
    ("name", "least", "most"), [("olmo3-7b", 7.2e9, 7.4e9), ("olmo2-1b", 1.4e9, 1.5e9)]
)
def test_large_shapes_have_the_parameters_of_their_models(name, least, most):
    model = random_model(name, "meta", torch.bfloat16)
    assert least < model.num_parameters() < most


def test_documents_of_one_length_have_it():
    assert set(random_shard("demo", 5, 64)["input_ids"].list.len()) == {64}
    assert len(set(random_shard("demo", 50)["input_ids"].list.len())) > 10


@pytest.mark.slow
def test_the_script_measures_two_sizes_and_says_what_it_leaves_out():
    command = [sys.executable, "-m", "workflow_scripts.tools.bench.measure_pass"]
    command += ["--documents", "60", "--repeats", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "demo: " in done.stdout
    assert "large: " in done.stdout
    assert done.stdout.count("document pass") == 2
    assert ("no CUDA GPU here" in done.stdout) == (not torch.cuda.is_available())
