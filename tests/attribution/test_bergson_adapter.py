"""The engine against plain autograd, and each trap of the library it closes."""

import os
import tempfile

import numpy as np
import pytest
import torch

from tests.attribution.plain import autograd_rows, collect
from tests.support import tiny_model, token_documents
from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences
from workflow_scripts.common.errors import DataError, NumericsError

P, SEED = 8, 3


@pytest.fixture(scope="module")
def engine():
    return GradientEngine(tiny_model(), P, SEED)


def test_rows_and_losses_agree_with_plain_autograd(engine):
    documents = token_documents(7)
    rows, losses = collect(engine, Sequences(documents))
    expected, expected_losses = autograd_rows(engine, documents, [1] * 7)
    assert (rows - expected).abs().max() <= 1e-5 * expected.abs().max()
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)


def test_query_rows_carry_the_answer_tokens_alone(engine):
    documents, starts = token_documents(5, seed=1, shortest=8), [3, 5, 7, 4, 6]
    rows, losses = collect(engine, Sequences(documents, starts))
    expected, expected_losses = autograd_rows(engine, documents, starts)
    assert (rows - expected).abs().max() <= 1e-5 * expected.abs().max()
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)


@pytest.mark.parametrize("tokens_per_batch", [40, 64, 4096])
def test_batch_size_does_not_change_unit_rows(engine, tokens_per_batch):
    documents = token_documents(20, seed=2)
    base, _ = collect(engine, Sequences(documents), 200)
    other, _ = collect(engine, Sequences(documents), tokens_per_batch)
    base, other = (rows.flatten(1) / rows.flatten(1).norm(dim=1)[:, None] for rows in (base, other))
    assert (base - other).abs().max() < 1e-5


def test_same_seed_gives_the_same_bytes_and_another_seed_other_rows(engine):
    documents = token_documents(4)
    first, _ = collect(engine, Sequences(documents))
    again, _ = collect(engine, Sequences(documents))
    other, _ = collect(GradientEngine(engine.model, P, SEED + 1), Sequences(documents))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_pass_runs_where_slurm_calls_this_node_number_one(engine, monkeypatch):
    """With SLURM_NODEID other than 0 the library's own commands exit 0 having done nothing."""
    monkeypatch.setenv("SLURM_NODEID", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    rows, _ = collect(engine, Sequences(token_documents(3)))
    assert torch.isfinite(rows).all()
    assert os.environ["SLURM_NODEID"] == "1"


def test_pass_leaves_no_file_behind(engine, tmp_path, monkeypatch):
    """A killed pass of the library leaves full-size files without a mark; ours are temporary."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    collect(engine, Sequences(token_documents(3)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("documents", "starts", "words"),
    [
        ([[1, 2, 3], [4]], None, "row 1 has 1 tokens"),
        ([[1, 2, 3], [1] * 60], None, "row 1 has 60 tokens; attribution.tokens_per_batch"),
        ([[1, 2, 3], [4, 5, 6]], [1, 3], "row 1 has no token that carries a loss"),
    ],
)
def test_rows_that_the_library_would_drop_or_zero_are_refused(engine, documents, starts, words):
    with pytest.raises(DataError, match=words):
        collect(engine, Sequences(documents, starts), 50)


def test_row_longer_than_the_model_is_refused(engine):
    with pytest.raises(DataError, match="the model 128"):
        collect(engine, Sequences([[1] * 129]), 4096)


def test_gradient_that_is_not_finite_stops_the_pass():
    model = tiny_model()
    with torch.no_grad():
        model.base_model.layers[0].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(NumericsError, match="not finite"):
        collect(GradientEngine(model, P, SEED), Sequences(token_documents(2)))
