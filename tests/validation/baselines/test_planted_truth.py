"""Measures of recovery, against numbers worked by hand."""

import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.validation.baselines.planted_truth import (
    auroc,
    average_precision,
    compare_with_truth,
    dose_spearman,
    planted_metrics,
)


def bins_of(rows):
    return pl.DataFrame(
        rows,
        schema={"role": str, "dose": float, "influence": float, "q_unusual": float},
        orient="row",
    ).with_columns(topic=pl.int_range(pl.len()) % 4)


EIGHT = [
    ("support", 0.25, 0.2, 0.30),
    ("support", 0.5, 0.6, 0.04),
    ("support", 1.0, 0.9, 0.01),
    ("contradiction", 1.0, -0.5, 0.02),
    ("contradiction", 0.5, 0.3, 0.40),
    ("decoy", 0.0, 0.1, 0.50),
    ("neutral", 0.0, 0.7, 0.03),
    ("neutral", 0.0, -0.1, 0.90),
]


def test_metrics_of_eight_bins_are_those_worked_by_hand():
    result = planted_metrics(bins_of(EIGHT))
    # Support 0.2, 0.6, 0.9 against -0.5, 0.3, 0.1, 0.7, -0.1: 3 + 4 + 5 of 15 pairs.
    assert result["auroc_support"] == pytest.approx(12 / 15)
    # Ranks of support from above: 1, 3, 5.
    assert result["ap_support"] == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 3)
    # Against -0.5 and 0.3: 1 + 2 + 2 of 6 pairs.
    assert result["auroc_support_vs_contradiction"] == pytest.approx(5 / 6)
    # Mean of the map 0.275: one of two contradiction bins lies below.
    assert result["contradiction_sign"] == 0.5
    assert result["dose_spearman"] == pytest.approx(1.0)
    # Below q = 0.05: 0.6, 0.9, 0.7 above the median 0.25 and -0.5 below.
    assert result["n_unusual"] == 4
    assert result["false_discovery_share"] == pytest.approx(1 / 3)
    assert result["power"] == pytest.approx(2 / 3)
    assert (result["n_support"], result["n_contradiction"]) == (3, 2)


def test_ties_count_half():
    assert auroc(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(0.75)
    assert auroc(np.zeros(3), np.zeros(5)) == 0.5


def test_measures_without_two_sides_are_null_not_zero():
    some = np.array([1.0])
    none = np.array([])
    assert auroc(some, none) is None
    assert average_precision(none, some) is None
    assert dose_spearman(np.array([0.5, 0.5, 0.5]), np.array([1.0, 2, 3])) is None
    only_neutral = planted_metrics(
        bins_of([("neutral", 0.0, 0.1, None), ("neutral", 0.0, 0.2, None)])
    )
    assert only_neutral["auroc_support"] is None
    assert only_neutral["contradiction_sign"] is None
    assert only_neutral["false_discovery_share"] is None
    assert only_neutral["n_unusual"] == 0


def test_bins_without_documents_take_no_part():
    empty = [("support", 1.0, None, None), ("neutral", 0.0, None, None)]
    assert planted_metrics(bins_of(EIGHT + empty)) == planted_metrics(bins_of(EIGHT))
    assert planted_metrics(bins_of(empty))["auroc_support"] is None


def test_every_planted_benchmark_gets_a_row_per_scorer_and_others_none():
    places = [{"topic": topic, "format": format_} for topic, format_ in BINS[:8]]
    truth = pl.DataFrame(
        [
            {"benchmark": "a", **place, "role": role, "dose": dose}
            for place, (role, dose, _, _) in zip(places, EIGHT, strict=True)
        ]
    )
    table = pl.DataFrame(
        [
            {"benchmark": name, **place, "influence": value, "q_unusual": q}
            for name in ("a", "fifth")
            for place, (_, _, value, q) in zip(places, EIGHT, strict=True)
        ]
    )
    result = compare_with_truth(truth, {"trackstar": table, "dot": table})
    assert result.select("benchmark", "scorer").rows() == [("a", "trackstar"), ("a", "dot")]
    assert result["auroc_support"].to_list() == pytest.approx([12 / 15] * 2)
