"""Trials of some shards through submitit: their own folder, the study's numbers, clear refusals."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

from tests.support import shard_frame, tiny_model
from workflow_scripts.attribution.sketch import load_sketches
from workflow_scripts.common.config.load import ROOT, complete
from workflow_scripts.common.errors import ConfigError, DataError
from workflow_scripts.common.files import write_json
from workflow_scripts.common.tables import write_table
from workflow_scripts.model.loading import describe_folder, model_record
from workflow_scripts.tools.submit_shards import plan, read_shards

CONFIG = {
    "study": "tiny",
    "benchmarks": ["socialiqa"],
    "corpus": {"shards": 3, "max_tokens": 64},
    "model": {"train": {"max_positions": 128}},
    "attribution": {"projection_dim": 4, "projections": 1, "tokens_per_batch": 256, "gate_rows": 2},
    "unlearning": {"benchmarks": []},
}


@pytest.mark.parametrize(
    ("text", "numbers"), [("0", [0]), ("0-2", [0, 1, 2]), ("4,1-2, 2", [1, 2, 4])]
)
def test_ranges_of_shards_are_read(text, numbers):
    assert read_shards(text, 5) == [f"s{number:04d}" for number in numbers]


@pytest.mark.parametrize("text", ["", "a", "3-1", "5", "0-5", "-1"])
def test_a_range_that_the_study_has_not_is_refused(text):
    with pytest.raises(ConfigError, match="--shards"):
        read_shards(text, 5)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study with corpus and model finished, and nothing attributed yet."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results" / "tiny"
    frame = shard_frame(30)
    for number in range(3):
        part = frame[10 * number : 10 * number + 10]
        write_table(part, results / f"corpus/shards/s{number:04d}.parquet", "corpus/shards")
    tiny_model().save_pretrained(results / "model")
    files = describe_folder(results / "model")
    write_json(results / "model" / "model.json", model_record("trained", "", "", files))
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    return results


def trial(*words):
    command = [sys.executable, "-m", "workflow_scripts.tools.submit_shards"]
    command += ["--configfile", "tiny.yaml", *words]
    environment = {"PYTHONPATH": f"{ROOT}:{':'.join(sys.path)}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    return done.returncode, done.stdout, done.stderr


def test_a_trial_without_corpus_is_refused_with_the_command_that_makes_it(study):
    (study / "corpus/shards/s0001.parquet").unlink()
    with pytest.raises(
        DataError, match=r"no results/tiny/corpus/shards/s0001.parquet; .*snakemake"
    ):
        plan(complete(CONFIG), ["s0001"], study / "trials" / "x")


def test_a_trial_writes_beside_the_study_and_uses_its_preconditioner(study):
    """Inputs of a step are the study's, its outputs the trial's."""
    folder = study / "trials" / "x"
    fits, passes = plan(complete(CONFIG), ["s0000", "s0002"], folder)
    assert [step.rule for step in fits] == ["fit_preconditioner"]
    outputs = [path for step in (*fits, *passes) for path in (*step.output.values(), step.log)]
    assert all(path.startswith(str(folder)) for path in outputs)
    (study / "attribution/preconditioner").mkdir(parents=True)
    for name in ("moments.safetensors", "settings.json"):
        (study / "attribution/preconditioner" / name).touch()
    fits, passes = plan(complete(CONFIG), ["s0000"], folder)
    assert fits == []
    assert (
        passes[0].input["moments"] == "results/tiny/attribution/preconditioner/moments.safetensors"
    )


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["debug", "local"])
def test_a_trial_attributes_its_shards_and_nothing_else(study, cluster):
    before = set(study.rglob("*"))
    code, said, error = trial("--shards", "0,2", "--cluster", cluster, "--name", "x")
    assert code == 0, said + error
    assert "2 of 2 shards done; the trial is in results/tiny/trials/x" in said
    made = set(study.rglob("*")) - before
    assert all((study / "trials") in [path, *path.parents] for path in made)
    sketch = load_sketches([study / f"trials/x/sketches/{name}.npz" for name in ("s0000", "s0002")])
    assert sketch.bin_counts().sum() == 20
    rows = np.load(study / "trials/x/rows/s0002.npy")
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    code, _, error = trial("--shards", "0", "--cluster", cluster, "--name", "x")
    assert code == 1
    assert error.strip().endswith("delete it, or give another --name")


@pytest.mark.slow
def test_a_failing_shard_is_named_with_its_log_and_the_others_end_well(study):
    shard = study / "corpus/shards/s0001.parquet"
    code, said, error = trial("--shards", "0", "--cluster", "debug", "--name", "first")
    assert code == 0, said + error
    shutil.copytree(study / "trials/first/preconditioner", study / "attribution/preconditioner")
    shard.write_bytes(shard.read_bytes()[:-50])
    code, said, error = trial("--shards", "0-1", "--cluster", "debug")
    assert code == 1
    assert "attribute_documents s0001: failed" in said
    assert "see results/tiny/trials/shards-0-1/logs/s0001.log" in said
    assert "1 of 2 shards done" in said
    assert "s0001.parquet" in (study / "trials/shards-0-1/logs/s0001.log").read_text()
