"""Bins dominated by one site or by near duplicates are seen in their table."""

import numpy as np
import polars as pl
import pytest

from tests.influence.simulation import simulate
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.bin_table import bin_influence, corpus_error
from workflow_scripts.influence.bins.composition import Makeup, read_makeup
from workflow_scripts.influence.uncertainty.variance_components import components


@pytest.fixture
def summary(tmp_path):
    """Bin 0: 14 of 20 documents from one site; 1: copies on many sites; 2: plain; others empty."""
    topics, formats = zip(*BINS, strict=True)
    filled = np.arange(576) < 3
    frame = pl.DataFrame({"topic": topics, "format": formats}).with_columns(
        pl.Series("n_available", np.where(filled, 20, 0)),
        pl.Series("n_sampled", np.where(filled, 20, 0)),
        pl.lit(0).alias("n_too_short"),
        pl.Series("n_tokens", np.where(filled, 20, 0)),
        pl.Series("underfilled", ~filled),
        pl.Series("weight", filled / 3),
        pl.Series("n_sites", [7, 20, 10] + [0] * 573),
        pl.Series("largest_site_share", [0.7, 0.05, 0.5] + [None] * 573),
        pl.Series("n_components", [7, 3, 20] + [0] * 573),
        pl.Series("n_effective", [400 / 202, 1.3, 9.0] + [None] * 573),
        pl.Series("near_duplicate_share", [0.0, 0.9, 0.5] + [None] * 573),
        pl.Series("share_truncated", [0.0] * 3 + [None] * 573),
    )
    write_table(
        frame.sample(fraction=1.0, shuffle=True, seed=1),
        tmp_path / "s.parquet",
        "corpus/bin_summary",
    )
    return tmp_path / "s.parquet"


def test_more_than_half_from_one_site_or_copied_is_dominated(summary):
    groups, _ = simulate(stream(1, "makeup"), bins=3, queries=5)
    frame = bin_influence(groups, read_makeup(summary), None)
    assert frame["dominated"][:3].to_list() == [True, True, False]
    np.testing.assert_allclose(frame["n_effective"][:3], [400 / 202, 1.3, 9.0])
    assert frame["n_sites"][:3].to_list() == [7, 20, 10]
    assert frame["dominated"][3:].is_null().all() and frame["n_effective"][3:].is_null().all()


def test_the_corpus_error_knows_how_much_of_a_bin_was_drawn():
    """Bin 0 holds all it has, bin 1 is a quarter of it, bin 2 too, but with a site of two."""
    groups, _ = simulate(stream(2, "corpus error"), bins=3, queries=5)
    nothing = np.full(576, np.nan)
    drawn = np.r_[1.0, 0.25, 0.25, nothing[3:]]
    together = np.r_[3.0, 8.0, 7.0, nothing[3:]]
    makeup = Makeup(nothing, together, nothing, nothing, drawn)
    parts = components(groups)
    error = corpus_error(parts, makeup)
    assert error[0] == pytest.approx(np.sqrt(parts.v_query[0]))
    documents = max(parts.v_fold_raw[1] - parts.v_interaction[1], 0)
    assert error[1] == pytest.approx(np.sqrt(0.75 * documents + parts.v_query[1]))
    assert np.isnan(error[2:]).all()
