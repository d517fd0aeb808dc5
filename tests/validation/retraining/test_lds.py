"""The linear datamodeling score: against brute force, and on worlds whose answer is known."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from tests.validation.linear_world import CONTRAST, NAMES, linear_world
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.validation.retraining.datamodeling import (
    ceiling,
    draws_of_subsets,
    foretold,
    observed,
    outputs_of,
    reliability,
    spearman,
)
from workflow_scripts.validation.retraining.lds_table import lds_table, read_experiment
from workflow_scripts.validation.retraining.random_halves import draw_half
from workflow_scripts.validation.retraining.show_lds import render


def scores(experiment, maps, draws=200):
    table = lds_table(
        experiment,
        maps,
        outputs_of(NAMES, [CONTRAST]),
        draws_of_subsets(len(experiment.inside), draws, seed=1),
        confidence=0.95,
    )
    return table.filter(measure="margin", sum="influence")


def test_rank_correlation_is_that_of_scipy_with_ties_and_nan_without_spread():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 6, (5, 30)), rng.normal(size=(5, 30))
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert np.allclose(spearman(a, b), expected)
    assert np.isnan(spearman(np.ones(5), np.arange(5)))


def test_prediction_is_the_sum_of_documents_times_influence_over_the_half():
    inside = np.array([[True, True, False], [False, True, True]])
    assert foretold(inside, np.array([2, 3, 5]), np.array([1.0, -1.0, 0.5])).tolist() == [-1, -0.5]


def test_score_equals_brute_force_over_halves():
    experiment, maps = linear_world()
    table = scores(experiment, maps)
    n_docs = experiment.bins["n_docs"].to_list()
    for row in table.filter(output="a").iter_rows(named=True):
        influence = maps[row["scorer"]].filter(benchmark="a")["influence"].to_list()
        predicted, actual = [], []
        for half, inside in enumerate(experiment.inside):
            predicted.append(sum(n_docs[i] * influence[i] for i in np.flatnonzero(inside)))
            actual.append(sum(experiment.outputs["margin"]["a"][half]) / 2)
        assert row["lds"] == pytest.approx(spearmanr(predicted, actual).statistic)


def test_known_order_of_maps_is_recovered_and_the_exact_one_reaches_the_ceiling():
    experiment, maps = linear_world()
    table = scores(experiment, maps)
    for name in ("a", "b", "reasoning"):
        rows = {row["scorer"]: row for row in table.filter(output=name).iter_rows(named=True)}
        assert rows["trackstar"]["lds"] > rows["near"]["lds"] > rows["nothing"]["lds"]
        assert rows["trackstar"]["lds"] == pytest.approx(rows["trackstar"]["ceiling"], abs=0.08)
        assert rows["near"]["ahead_low"] > 0
        assert abs(rows["nothing"]["lds"]) < 0.4
        assert rows["trackstar"]["ahead"] is None


def test_contrast_sums_differences_of_z_against_differences_of_standardised_margins():
    experiment, maps = linear_world()
    n_docs, margins = experiment.bins["n_docs"].to_numpy(), experiment.outputs["margin"]

    def z(values):
        return (values - values.mean()) / values.std(ddof=1)

    influence = {
        name: maps["near"].filter(benchmark=name)["influence"].to_numpy() for name in NAMES
    }
    predicted = experiment.inside @ (n_docs * (z(influence["a"]) - z(influence["b"])))
    actual = z(margins["a"].mean(axis=1)) - z(margins["b"].mean(axis=1))
    row = scores(experiment, maps).filter(output="reasoning", scorer="near")
    assert row["lds"].item() == pytest.approx(spearmanr(predicted, actual).statistic)


def test_observed_contrast_gives_both_sides_the_same_weight_whatever_their_units():
    experiment, _ = linear_world()
    margins = experiment.outputs["margin"]
    scaled = {"a": 100 * margins["a"] + 7, "b": margins["b"]}
    assert np.allclose(observed(scaled, CONTRAST.weights), observed(margins, CONTRAST.weights))


def test_reliability_is_that_of_the_mean_over_seeds():
    """Signal and noise of equal variance: r = 1/2 between seeds, 2/3 for the mean of two."""
    rng = np.random.default_rng(5)
    signal = rng.normal(size=20_000)
    seeds = signal[:, None] + rng.normal(size=(20_000, 2))
    # The rank correlation of normals of correlation 1/2 is 6/pi asin(1/4) = 0.483.
    assert reliability(seeds) == pytest.approx(2 * 0.483 / 1.483, abs=0.02)
    assert spearmanr(signal, seeds.mean(axis=1)).statistic == pytest.approx(
        ceiling(reliability(seeds)), abs=0.02
    )
    assert np.isnan(reliability(seeds[:, :1]))
    assert ceiling(np.array(-0.4)) == 0


def test_interval_covers_the_score_of_many_halves():
    """In 40 small experiments at least 34 intervals hold what 20,000 halves give."""
    rng = np.random.default_rng(2)
    held = 0
    for seed in range(40):
        experiment, maps = linear_world(n_bins=30, n_halves=60, noise=1.0, seed=seed)
        row = scores(experiment, {"trackstar": maps["trackstar"], "near": maps["near"]}).filter(
            output="a", scorer="near"
        )
        n_docs = experiment.bins["n_docs"].to_numpy()
        inside = np.stack([draw_half(30, k, 99) for k in range(2000)])
        truth, near = (
            maps[name].filter(benchmark="a")["influence"].to_numpy()
            for name in ("trackstar", "near")
        )
        signal = inside @ (n_docs * truth)
        output = signal + signal.std() / np.sqrt(2) * rng.normal(size=2000)
        expected = spearmanr(output, inside @ (n_docs * near)).statistic
        held += row["ci_low"].item() <= expected <= row["ci_high"].item()
    assert held >= 34


def test_missing_training_is_named():
    experiment, _ = linear_world(n_bins=6, n_halves=4)
    places = [(half, i) for half in range(4) for i in np.flatnonzero(experiment.inside[half])]
    halves = pl.concat(
        experiment.bins[int(i)].with_columns(half=pl.lit(half, dtype=pl.Int64))
        for half, i in places
    )
    rows = [
        {"half": half, "seed": seed, "benchmark": "a", "margin": 1.0, "accuracy": 0.5}
        for half in range(4)
        for seed in (1, 2)
    ]
    whole = read_experiment(halves, pl.DataFrame(rows), 4)
    assert (whole.inside == experiment.inside).all()
    assert whole.outputs["margin"]["a"].shape == (4, 2)
    with pytest.raises(IntegrityError, match="'a' has 7 retrained models, not 4 halves x 2 seeds"):
        read_experiment(halves, pl.DataFrame(rows[:-1]), 4)


def test_printed_table_has_the_ceiling_first_and_the_best_scorer_next():
    lines = render(lds_table(*_arguments()))
    assert "60 random halves" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["seed", "trackstar", "near", "nothing"]


def _arguments():
    experiment, maps = linear_world()
    outputs = outputs_of(NAMES, [CONTRAST])
    return experiment, maps, outputs, draws_of_subsets(60, 100, 1), 0.95
