"""Several projections in one backward pass: each is exact, and scores are the mean of cosines."""

import numpy as np
import pytest
import torch

from tests.attribution.plain import autograd_rows, collect
from tests.support import shard_frame, tiny_model, token_documents
from workflow_scripts.attribution.bergson_adapter import (
    GradientEngine,
    Sequences,
    module_name,
    projection_seeds,
)
from workflow_scripts.attribution.document_pass import PassSettings, attribute
from workflow_scripts.attribution.preconditioner import fit, projection_settings
from workflow_scripts.attribution.query_rows import unit_query_rows
from workflow_scripts.attribution.whitening import averaged, inverse_root, unit, whiten
from workflow_scripts.common.errors import NumericsError

P, SEED, N = 6, 3, 3


@pytest.fixture(scope="module")
def engine():
    return GradientEngine(tiny_model(), P, SEED, N)


def alone(engine, number):
    """An engine with one of the projections."""
    return GradientEngine(engine.model, P, projection_seeds(SEED, N)[number])


def test_seeds_of_projections_are_distinct_and_keep_the_first():
    assert projection_seeds(42, 1) == [42]
    seeds = projection_seeds(42, 16)
    assert seeds[:4] == projection_seeds(42, 4)
    assert len(set(seeds)) == 16
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert not set(seeds) & set(projection_seeds(43, 16))


def test_every_projection_agrees_with_plain_autograd(engine):
    documents = token_documents(5)
    rows, losses = collect(engine, Sequences(documents))
    parts = rows.chunk(N, dim=1)
    for number, part in enumerate(parts):
        single = alone(engine, number)
        expected, expected_losses = autograd_rows(single, documents, [1] * 5)
        assert (part - expected).abs().max() <= 1e-5 * expected.abs().max()
        np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)


def test_blocks_of_a_row_are_named_by_layer_and_projection(engine):
    assert len(engine.modules) == len(set(engine.modules)) == N * len(engine.layers)
    assert engine.modules[: len(engine.layers)] == engine.layers
    assert engine.modules[-1] == module_name(engine.layers[-1], N - 1)
    settings = projection_settings(engine)
    assert (settings["modules"], settings["projections"]) == (len(engine.layers), N)


def test_one_projection_gives_the_bytes_of_the_first_of_several(engine):
    documents = Sequences(token_documents(5))
    several, _ = collect(engine, documents, 4096)
    one, _ = collect(alone(engine, 0), documents, 4096)
    assert torch.equal(several[:, : len(engine.layers)], one)


def test_dot_product_of_unit_rows_is_the_mean_of_the_cosines():
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 7, 12, generator=rng)
    cosines = [
        torch.nn.functional.cosine_similarity(x, y)
        for x, y in zip(a.chunk(3, 1), b.chunk(3, 1), strict=True)
    ]
    torch.testing.assert_close((unit(a, 3) * unit(b, 3)).sum(1), torch.stack(cosines).mean(0))
    products = (averaged(a, 3) * averaged(b, 3)).sum(1)
    torch.testing.assert_close(products, (a * b).sum(1) / 3)
    assert torch.equal(averaged(a), a)


def document_pass(engine, shard):
    """Sums of the pass, and its rows, whitened with moments of the engine's own."""
    moments, _ = fit(
        engine,
        shard["input_ids"].to_list(),
        reduction="mean",
        damping=0.1,
        tokens_per_batch=256,
    )
    kept = {}
    sums, documents = attribute(
        engine,
        inverse_root(moments, 0.1),
        shard,
        PassSettings("mean", "float32", 256),
        lambda indices, rows: kept.update(zip(indices, rows.copy(), strict=True)),
    )
    return sums, np.stack([kept[index] for index in range(shard.height)]), documents


def test_rows_and_all_sketches_are_those_of_each_projection_over_the_root_of_n(engine):
    """Each projection is whitened with its own moments and is a unit row of its own."""
    shard = shard_frame(40)
    sums, rows, documents = document_pass(engine, shard)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    squares = np.zeros(shard.height)
    for number, part in enumerate(np.split(rows, N, axis=1)):
        single_sums, single_rows, single = document_pass(alone(engine, number), shard)
        np.testing.assert_allclose(part, single_rows / N**0.5, atol=1e-5)
        for variant, values in single_sums.sums.items():
            mine = sums.sums[variant].chunk(N, dim=1)[number]
            error = (mine - values / N**0.5).abs().max()
            assert error <= 1e-4 * values.abs().max(), variant
        squares += single["gradient_norm"] ** 2
    np.testing.assert_allclose(documents["gradient_norm"], np.sqrt(squares / N), rtol=1e-4)


def test_a_projection_that_loses_a_gradient_is_refused_although_the_others_keep_it(engine):

    raw = torch.ones(2, len(engine.modules), engine.block)
    raw[1, : len(engine.layers)] = 0
    roots = torch.eye(engine.block).expand(len(engine.modules), -1, -1)
    assert torch.isfinite(unit(whiten(raw, roots), N)).all()
    with pytest.raises(NumericsError, match="query 1 is zero"):
        unit_query_rows(raw, roots, N)
