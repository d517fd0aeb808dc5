"""Pairs for unlearning against all possible ones, and the balance that they must reach."""

import itertools

import numpy as np
import polars as pl
import pytest

from tests.unlearning.made_up import topic_documents
from workflow_scripts.common.random_streams import stream
from workflow_scripts.unlearning.selection.matching import (
    COVARIATES,
    IMBALANCE_WEIGHT,
    NEGLIGIBLE,
    find_edges,
    match_pairs,
)

SCALE = np.array([30.0, 0.5])


def sides(n_upper, n_pool, seed, formats=("a", "b")):
    """Documents to forget, by falling influence, and controls."""
    rng = stream(seed, "matching test")

    def side(count, lowest):
        return pl.DataFrame(
            {
                "format": rng.choice(list(formats), count).tolist(),
                "score": np.sort(lowest + rng.random(count))[::-1],
                "n_tokens": rng.normal(100, 30, count),
                "loss": rng.normal(2.0, 0.5, count),
            }
        )

    return side(n_upper, 1.0), side(n_pool, 0.0)


def means_apart(upper, pool, chosen, controls):
    own, other = (side.select(COVARIATES).to_numpy() / SCALE for side in (upper, pool))
    return np.abs((own[chosen] - other[controls]).mean(axis=0)).max()


def value(upper, pool, chosen, controls):
    """Objective of the best pairs, without the decisions between equals."""
    score = upper["score"].to_numpy()
    gain = (score[chosen] - score.min()).sum() / np.ptp(score)
    apart = max(means_apart(upper, pool, chosen, controls), NEGLIGIBLE)
    return gain - IMBALANCE_WEIGHT * apart


def best_by_trying_all(upper, pool, size, caliper):
    edges = find_edges(upper, pool, SCALE, caliper, 100)
    pairs = list(zip(edges.upper, edges.pool, strict=True))
    best = -np.inf
    for taken in itertools.combinations(pairs, size):
        chosen, controls = map(list, zip(*taken, strict=True))
        if len(set(chosen)) == size == len(set(controls)):
            best = max(best, value(upper, pool, chosen, controls))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_pairs_are_as_good_as_the_best_of_all(seed):
    upper, pool = sides(7, 7, seed)
    chosen, controls, most = match_pairs(upper, pool, SCALE, 3, 1.5, 100)
    if most < 3:
        assert best_by_trying_all(upper, pool, 3, 1.5) == -np.inf
        return
    assert value(upper, pool, chosen, controls) == pytest.approx(
        best_by_trying_all(upper, pool, 3, 1.5),
        abs=0.02,  # distance and order decide between nearly equal ones
    )


@pytest.mark.parametrize("seed", range(10))
def test_sides_are_alike_where_the_pool_has_room(seed):
    """Documents of high influence are longer; pairs near each other would all lean that way."""
    upper, pool = sides(60, 60, seed)
    upper = upper.with_columns(pl.col("n_tokens") + 15)
    chosen, controls, most = match_pairs(upper, pool, SCALE, 8, 1.0, 8)
    assert most >= 8 == len(set(chosen)) == len(set(controls))
    assert means_apart(upper, pool, chosen, controls) <= NEGLIGIBLE + 1e-6
    assert (upper[chosen]["format"] == pool[controls]["format"]).all()
    edges = find_edges(upper, pool, SCALE, 1.0, 100)
    assert np.abs(edges.differences).max() <= 1.0


def test_no_balance_within_reach_is_the_nearest_to_it_not_an_error():
    upper, pool = sides(10, 10, 0, formats=["a"])
    upper = upper.with_columns(n_tokens=pl.lit(130.0), loss=pl.lit(2.0))
    pool = pool.with_columns(n_tokens=pl.lit(100.0) - pl.int_range(10), loss=pl.lit(2.0))
    chosen, controls, _ = match_pairs(upper, pool, SCALE, 4, 2.0, 10)
    assert sorted(controls) == [0, 1, 2, 3]
    assert chosen and means_apart(upper, pool, chosen, controls) > 1


def test_too_few_pairs_are_counted_not_returned():
    upper, pool = sides(20, 3, 1, formats=["a"])
    assert match_pairs(upper, pool, SCALE, 5, 50.0, 8) == ([], [], 3)
    assert match_pairs(upper, pool[:0], SCALE, 5, 50.0, 8) == ([], [], 0)


def test_documents_far_down_are_looked_at_where_the_highest_have_no_control():
    upper, pool = sides(400, 40, 2, formats=["a"])
    upper = upper.with_columns(
        format=pl.when(pl.int_range(400) < 300).then(pl.lit("rare")).otherwise("format")
    )
    chosen, _, most = match_pairs(upper, pool, SCALE, 4, 2.0, 8)
    assert most >= 4 and min(chosen) >= 300


def test_sets_of_two_hundred_in_a_large_topic_balance():
    documents = topic_documents(12_000).sort("score", descending=True)
    scale = documents.select(COVARIATES).to_numpy().std(axis=0)
    chosen, controls, _ = match_pairs(documents[:6000], documents[6000:], scale, 200, 0.75, 8)
    own, other = documents[:6000][chosen], documents[6000:][controls]
    apart = [abs(own[c].mean() - other[c].mean()) for c in COVARIATES] / scale
    assert apart.max() <= NEGLIGIBLE + 1e-6
    assert len(set(controls)) == 200
