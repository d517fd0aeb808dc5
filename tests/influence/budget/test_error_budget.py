"""The error budget: parts that add up, what is missing said, projection noise found and netted."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from tests.influence.simulation import simulate
from workflow_scripts.attribution.query_rows import QueryRows
from workflow_scripts.attribution.sketch import Sketch
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.bin_table import table
from workflow_scripts.influence.bins.composition import Makeup
from workflow_scripts.influence.bins.group_scores import coherence, group_means
from workflow_scripts.influence.bins.projection_error import of_each_projection, projection_variance
from workflow_scripts.influence.budget.error_budget import SOURCES, budget
from workflow_scripts.influence.uncertainty.between_draws import (
    sampling_variance,
    variance_over_draws,
)
from workflow_scripts.influence.uncertainty.resampling import from_components
from workflow_scripts.influence.uncertainty.variance_components import components
from workflow_scripts.simulation import world_budget
from workflow_scripts.simulation.tables import Size

MAKEUP = Makeup.of_sites(np.full(len(BINS), 4))


def mapped(bins=60, v_projection=None, **options):
    """Bin table and redrawable form of a simulated map."""
    groups, _ = simulate(stream(1, "budget"), bins=bins, spread=0.5, **options)
    parts = components(groups)
    frame = table(parts, MAKEUP, None, v_projection=v_projection)
    return frame, from_components(parts, own=True)


def test_parts_add_up_to_se_and_to_se_total():
    added = np.where(np.arange(len(BINS)) < 60, 0.04, np.nan)
    frame, resampling = mapped(v_projection=(1.5 * added, added))
    found = budget(frame, resampling, 2 * added, {})
    bins = found.filter(pl.col("topic").is_not_null(), pl.col("se").is_not_null())
    assert bins.height == 60
    of_se = bins["v_documents"] + bins["v_questions"]
    np.testing.assert_allclose(of_se, bins["se"] ** 2)
    own = frame.sort("topic", "format")["se"].drop_nulls()
    np.testing.assert_allclose(np.sort(bins["se"]), np.sort(own))
    np.testing.assert_allclose(bins["se_total"] ** 2, of_se + 3 * 0.04)
    shares = sum(bins[f"share_{source}"] for source in SOURCES)
    np.testing.assert_allclose(shares, 1)
    np.testing.assert_allclose(bins["se_ratio"], bins["se_total"] / bins["se"])
    spread = frame["influence"].std()
    np.testing.assert_allclose(bins["in_sd"], bins["se_total"] / spread)
    inside = np.minimum(0.02 / bins["se"].to_numpy() ** 2, 1)
    np.testing.assert_allclose(bins["projection_in_se"], inside)
    assert found["missing"].is_null().all()


def test_documents_hold_most_where_they_are_the_noise_and_questions_where_those_are():
    quiet, loud = mapped(query_sd=0.1), mapped(query_sd=20.0, queries=20)
    shares = [budget(*each, None, {})["share_questions"][0] for each in (quiet, loud)]
    assert shares[0] < 0.3 < 0.9 < shares[1]


def test_what_is_not_known_is_null_and_named_and_bins_without_an_error_stay_empty():
    frame, resampling = mapped()
    found = budget(
        frame, resampling, None, {"projection": "one projection", "training": "one model"}
    )
    assert found["v_projection"].is_null().all()
    assert found["share_model"].is_null().all()
    assert set(found["missing"]) == {"projection (one projection), training (one model)"}
    empty = found.filter(pl.col("se").is_null(), pl.col("topic").is_not_null())
    assert empty.height == len(BINS) - 60
    assert empty["se_total"].is_null().all()
    head = found.row(0, named=True)
    assert head["topic"] is None
    assert head["se_total"] == pytest.approx(head["se"])
    assert head["share_documents"] + head["share_questions"] == pytest.approx(1)


@pytest.mark.parametrize(("queries", "reason"), [(1, "one question"), (12, "one cluster")])
def test_the_error_over_one_question_is_not_known_and_not_zero(queries, reason):
    """The table said 0 and the headline "questions 0%"."""
    frame, resampling = mapped(queries=queries)
    one = dataclasses.replace(resampling, clusters=np.zeros(queries, dtype=int))
    found = budget(frame, one, None, {})
    assert found["v_questions"].is_null().all() and found["share_questions"].is_null().all()
    assert found["missing"].str.starts_with(f"questions ({reason}").all()
    assert found["se_total"].drop_nulls().len() == 61


def sketched(projections, documents=8, width=12, error=0.0, rng=None):
    """Sketch and queries whose first entry is the score of a bin, the last ones noise."""
    rng = rng or stream(3, "sketched")
    bins, folds = np.repeat(np.arange(50), documents), np.tile(np.arange(documents), 50)
    rows = rng.standard_normal((len(bins), projections, width)).astype(np.float32)
    rows[:, :, 0] = rng.standard_normal(50)[bins, None]
    rows[:, :, 0] += error * rng.standard_normal((50, projections))[bins]
    asked = 0.1 * rng.standard_normal((20, projections, width)).astype(np.float32)
    asked[:, :, 0] = 1
    flat = rows.reshape(len(bins), -1) / projections**0.5
    manifest = {"projection": {"projections": projections}}
    sketch = Sketch(bins, folds, np.ones(len(bins), dtype=np.int64), flat, manifest)
    queries = asked.reshape(20, -1) / projections**0.5
    return sketch, QueryRows(queries, [str(i) for i in range(20)], ["t"] * 20, manifest)


def test_maps_of_the_projections_average_to_the_map():
    sketch, queries = sketched(3)
    whole = group_means(sketch, queries)
    each = [groups.means for groups in of_each_projection(sketch, queries)]
    assert len(each) == 3
    np.testing.assert_allclose(np.mean(each, axis=0), whole.means, atol=1e-6)
    assert np.abs(each[0] - each[1]).max() > 0.1


def test_projection_variance_is_that_of_the_mean_map_and_null_under_one_projection():
    sketch, queries = sketched(4, error=1.0)
    groups = group_means(sketch, queries)
    total, added = projection_variance(sketch, queries, groups, coherence(sketch))
    assert np.isnan(total[50:]).all()
    # A bin's error has variance 1 under each of the four projections.
    assert np.nanmean(added) == pytest.approx(1 / 4, rel=0.25)
    assert (total[:50] >= added[:50]).all()
    sketch, queries = sketched(1)
    groups = group_means(sketch, queries)
    for part in projection_variance(sketch, queries, groups, coherence(sketch)):
        assert np.isnan(part).all()


def test_variance_over_draws_leaves_out_what_documents_explain():
    """An error of each document alone is in se already; adding it again would count it twice."""
    rng = stream(4, "draws")
    base, _ = simulate(rng, bins=400)
    found = []
    for of_bin, of_document in ((0.5, 0.0), (0.5, 2.0), (0.0, 2.0)):
        each = list(world_budget.projected(rng, base, of_bin, of_document, 2))
        mean = np.mean([groups.means for groups in each], axis=0)
        parts = [components(dataclasses.replace(g, means=g.means - mean)) for g in each]
        deviations = np.stack([part.influence for part in parts])
        found.append(variance_over_draws(deviations, [sampling_variance(part) for part in parts]))
    total, added = (np.nanmean(each, axis=1) for each in zip(*found, strict=True))
    assert added[:2] == pytest.approx([0.25, 0.25], rel=0.3)
    assert added[2] < 0.08
    assert total == pytest.approx([0.25, 0.75, 0.5], rel=0.2)


def test_widened_interval_holds_the_truth_where_se_alone_does_not():
    rows = world_budget.rates(Size(maps=3))
    by = {(row["setting"], row["statistic"]): row["rate"] for row in rows}
    harsh = "projection error 0.3 a bin, 0.0 a document; n = 2"
    assert by[harsh, "by se_total"] < 0.05 < by[harsh, "interval by se"]
