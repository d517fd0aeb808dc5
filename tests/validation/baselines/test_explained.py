"""Share of a map that baselines explain: against numpy, scipy and samples written out."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.validation.baselines.explained import (
    adjusted,
    draw_weights,
    explained_row,
    explained_table,
    r_squared,
    strongest,
    weighted_spearman,
)

N = 60


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def least_squares(x, y):
    """R2 of an ordinary fit with intercept, by numpy."""
    design = np.column_stack([np.ones(len(y)), x])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - residual @ residual / np.sum((y - y.mean()) ** 2)


@pytest.mark.parametrize("k", [1, 3])
def test_r2_is_that_of_least_squares_on_the_written_out_sample(rng, k):
    x, y = rng.normal(size=(N, k)) * [1e-3, 5, 1e4][:k], rng.normal(size=N)
    y = y + 300 * x[:, 0]
    weight = rng.multinomial(N, np.full(N, 1 / N), size=5).astype(float)
    for one, counts in zip(r_squared(x, y, weight), weight.astype(int), strict=True):
        rows = np.repeat(np.arange(N), counts)
        assert one == pytest.approx(least_squares(x[rows], y[rows]), abs=1e-9)


def test_a_predictor_that_repeats_another_adds_nothing_and_a_constant_one_explains_nothing(rng):
    x, y, once = rng.normal(size=(N, 1)), rng.normal(size=N), np.ones((1, N))
    alone = r_squared(x, y, once)[0]
    assert r_squared(np.column_stack([x, 3 * x + 1]), y, once)[0] == pytest.approx(alone, abs=1e-9)
    assert r_squared(np.full((N, 1), 7.0), y, once)[0] == pytest.approx(0, abs=1e-12)
    assert np.isnan(r_squared(x, np.full(N, 7.0), once)[0])


def test_spearman_is_that_of_the_written_out_sample_ties_included(rng):
    x, y = rng.integers(0, 8, size=N).astype(float), rng.integers(0, 9, size=N).astype(float)
    weight = rng.multinomial(N, np.full(N, 1 / N), size=5).astype(float)
    for one, counts in zip(weighted_spearman(x, y, weight), weight.astype(int), strict=True):
        rows = np.repeat(np.arange(N), counts)
        assert one == pytest.approx(spearmanr(x[rows], y[rows]).statistic)


def test_adjusted_r2_of_noise_is_zero_on_average(rng):
    once = np.ones((1, N))
    values = [
        adjusted(r_squared(rng.normal(size=(N, 5)), rng.normal(size=N), once), N, 5)[0]
        for _ in range(400)
    ]
    assert abs(np.mean(values)) < 0.02  # unadjusted: 5 / 59 = 0.085


def test_drawn_weights_are_products_of_whole_topics_and_formats(rng):
    bins = np.arange(576)
    weight = draw_weights(bins, 200, rng)
    grid = weight.reshape(200, 24, 24)
    ranks = [np.linalg.matrix_rank(each) for each in grid]
    assert set(ranks) == {1}
    assert weight.sum(axis=1).tolist() == [576.0] * 200
    assert weight.mean() == pytest.approx(1.0)


def test_interval_of_a_map_made_of_topics_is_wider_than_bins_alone_would_say(rng):
    """24 topics are 24 observations, however many formats repeat them."""
    topic = np.repeat(np.arange(24), 24)
    x, y = rng.normal(size=24)[topic], rng.normal(size=24)[topic]
    own = explained_row(x[:, None], y, draw_weights(np.arange(576), 500, rng), 0.95)
    bins = rng.multinomial(576, np.full(576, 1 / 576), size=500).astype(float)
    alone = explained_row(x[:, None], y, bins, 0.95)
    width = own["spearman_high"] - own["spearman_low"]
    assert width > 2 * (alone["spearman_high"] - alone["spearman_low"])


def table_of(values, benchmark="b"):
    topics, formats = zip(*BINS, strict=True)
    return pl.DataFrame(
        {"benchmark": benchmark, "topic": topics, "format": formats, "influence": values}
    ).fill_nan(None)


def test_table_has_each_scorer_and_the_joint_fits_over_common_bins(rng):
    words, gradient, chance = rng.normal(size=(3, 576))
    own = words + gradient
    own[:100] = np.nan
    words[100] = np.nan
    maps = {"cosine": table_of(gradient), "tfidf": table_of(words), "random": table_of(chance)}
    table = explained_table(table_of(own), maps, 0.95, 200, 1)
    rows = {row["scorer"]: row for row in table.iter_rows(named=True)}
    assert set(rows) == {"cosine", "tfidf", "random", "texts", "all"}
    assert {row["n_bins"] for row in rows.values()} == {475}
    # Two independent halves of the map, by hand: each explains half, both explain all.
    assert rows["tfidf"]["r2"] == pytest.approx(0.5, abs=0.1)
    assert rows["all"]["r2_adjusted"] == pytest.approx(1.0)
    assert rows["all"]["n_scorers"] == 2
    assert rows["all"]["spearman"] is None
    assert rows["texts"]["r2"] == rows["tfidf"]["r2"]
    assert rows["random"]["r2"] < 0.05
    low, high = rows["tfidf"]["r2_low"], rows["tfidf"]["r2_high"]
    assert low < rows["tfidf"]["r2"] < high
    assert strongest(table, ["tfidf", "random"])["scorer"].to_list() == ["tfidf"]


def test_a_constant_map_is_null_not_zero(rng):
    own = table_of(np.full(576, 0.3))
    table = explained_table(own, {"tfidf": table_of(rng.normal(size=576))}, 0.95, 50, 1)
    assert table.filter(scorer="tfidf")["r2"].to_list() == [None]
