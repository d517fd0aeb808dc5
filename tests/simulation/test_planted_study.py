"""Maps of a planted study's own documents: redrawn, shuffled, and what is found in them."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.simulation.planted_study import Scored, group, redraw, study_rows

TABLE = Path(__file__).resolve().parents[2] / "docs" / "simulation" / "study.csv"


def small_study(support=6.0):
    """576 bins of 8; bins 0 and 1 support (half, full dose), 2 contradicts at full dose."""
    rng = stream(1, "small study")
    bins, folds = np.repeat(np.arange(576), 8), np.tile(np.arange(8), 576)
    role, dose = np.full(576, "ordinary", dtype="U13"), np.zeros(576)
    role[:3], dose[:3] = ["support", "support", "contradiction"], [0.5, 1.0, 1.0]
    scores = rng.standard_normal((len(bins), 10)) + rng.standard_normal((len(bins), 1))
    scores[:4] += support
    scores[8:16] += support
    scores[16:24] -= support
    return Scored(bins, folds, scores, role, dose)


def test_groups_are_means_over_bin_and_fold():
    found = group(np.array([5, 2, 5, 5]), np.array([1, 0, 1, 0]), np.array([[1.0], [2], [3], [7]]))
    assert found.bins.tolist() == [2, 5, 5] and found.folds.tolist() == [0, 0, 1]
    assert found.counts.tolist() == [1, 1, 2] and found.means.ravel().tolist() == [2, 7, 2]


def test_a_redraw_fills_the_dose_with_documents_of_full_dose_bins_of_the_same_role():
    study = small_study()
    # A score that names its document.
    named = Scored(study.bins, study.folds, np.arange(4608.0)[:, None], study.role, study.dose)
    shares = []
    for seed in range(200):
        drawn = redraw(named, 0.0, stream(seed, "redraw")).ravel().astype(int)
        assert np.isin(drawn[8:16], np.arange(8, 16)).all()
        assert np.isin(drawn[16:24], np.arange(16, 24)).all()
        assert (drawn[24:] >= 24).all()
        carries = np.isin(drawn[:8], np.arange(8, 16))
        assert (drawn[:8][~carries] >= 24).all()
        shares.append(carries.mean())
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)


def test_a_redraw_moves_all_documents_of_a_bin_together():
    study = small_study()
    flat = Scored(study.bins, study.folds, np.zeros((4608, 2)), study.role, study.dose)
    moved = redraw(flat, 2.0, stream(3, "moved")).reshape(576, 16)
    assert (moved == moved[:, :1]).all()
    assert moved[:, 0].std() == pytest.approx(2, rel=0.1)


def test_a_strong_study_is_found_and_a_shuffled_or_empty_one_is_not():
    rows = {row["map"]: row for row in study_rows(small_study(), "any", 5)}
    assert rows["as drawn"]["support_100"] == rows["redrawn"]["support_100"] == 1
    assert rows["shuffled"]["support_100"] is None and rows["shuffled"]["calls_per_map"] == 0
    empty = {row["map"]: row for row in study_rows(small_study(0.0), "any", 5)}
    assert empty["redrawn"]["support_100"] == empty["as drawn"]["support_100"] == 0


def test_the_committed_study_holds_the_bars_on_every_benchmark():
    """Full-dose support bins found, few false calls, none once documents are shuffled."""
    table = pl.read_csv(TABLE)
    assert table["benchmark"].n_unique() == 4
    redrawn, shuffled = table.filter(map="redrawn"), table.filter(map="shuffled")
    assert redrawn["maps"].min() >= 20 and shuffled["maps"].min() >= 20
    assert table.filter(map="as drawn")["support_100"].min() >= 0.9
    assert redrawn["support_100"].min() >= 0.9
    assert redrawn["false_discovery_rate"].max() <= 0.1
    assert shuffled["calls_per_map"].max() == 0
