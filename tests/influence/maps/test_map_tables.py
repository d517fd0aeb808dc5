"""Marginals, decomposition, concentration, mass and mixture, against hand-worked numbers."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.influence.simulation import simulate
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.agreement.correlations import correlation_table
from workflow_scripts.influence.axes.decomposition import decomposition_table
from workflow_scripts.influence.axes.marginals import marginal_table
from workflow_scripts.influence.axes.unit_effects import unit_effects
from workflow_scripts.influence.contrasts.largest_contrasts import two_sided_p
from workflow_scripts.influence.maps.concentration import concentration, concentration_table
from workflow_scripts.influence.maps.natural_mass import weighted_table
from workflow_scripts.influence.maps.topic_mixture import mixture_table
from workflow_scripts.influence.maps.topic_weights import read_topic_weights
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.influence.uncertainty.resampling import from_components
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components

SHAPE = (24, 24)


@pytest.fixture
def rng():
    return stream(1, "map tables")


def with_errors(values, scale, draws, rng):
    """Maps whose errors are independent draws in units of z."""
    maps = {"a": values}
    errors = {"a": scale / np.nanstd(values, ddof=1) * rng.standard_normal((draws, 576))}
    errors["a"][:, np.isnan(values)] = np.nan
    # Anything but empty says that the study can be redrawn.
    return StudyMaps(maps, resampling={"a": None}, errors=errors)


def test_marginals_are_means_of_z_with_the_t_interval_of_their_bins(rng):
    values = rng.standard_normal(576)
    values[[0, 30, 31]] = np.nan
    table = marginal_table(StudyMaps({"a": values}), {"a": np.full(576, 3.0)}, 0.9, 1)
    assert table.height == 48
    z = (values - np.nanmean(values)) / np.nanstd(values, ddof=1)
    row = table.filter(topic=TOPICS[1]).row(0, named=True)
    grid = z.reshape(SHAPE)
    mine = grid[1][np.isfinite(grid[1])]
    assert (row["n_bins"], row["n_docs"]) == (22, 66)
    assert row["z"] == pytest.approx(mine.mean())
    # What formats do to every topic alike is not in the spread.
    rest = unit_effects(grid).residual[1]
    reach = stats.t.ppf(0.95, 21) * stats.sem(rest[np.isfinite(rest)])
    ends = (row["bins_low"], row["bins_high"])
    assert ends == pytest.approx((mine.mean() - reach, mine.mean() + reach))
    assert row["band_low"] < row["bins_low"] and row["fcr_low"] is None
    assert row["ci_low"] is None
    ranked = table.filter(axis="format").sort("rank")
    assert (np.diff(ranked["z"].to_numpy()) <= 0).all()


def test_interval_of_a_marginal_follows_the_errors_of_its_bins(rng):
    maps = with_errors(rng.standard_normal(576), 1.0, 4000, rng)
    table = marginal_table(maps, {"a": np.full(576, np.nan)}, 0.95, 1)
    reach = (table["ci_high"] - table["ci_low"]).to_numpy() / 2
    np.testing.assert_allclose(reach, 1.96 / np.sqrt(24), rtol=0.15)
    assert table["n_docs"].null_count() == 48


def test_topic_without_bins_is_null_and_not_zero(rng):
    values = rng.standard_normal(576)
    values[:24] = np.nan
    table = marginal_table(StudyMaps({"a": values}), {"a": np.zeros(576)}, 0.95, 1)
    row = table.filter(topic=TOPICS[0]).row(0, named=True)
    assert row["n_bins"] == 0
    assert row["z"] is None and row["rank"] is None and row["bins_low"] is None


def test_shares_of_a_complete_map_are_the_sums_of_squares_of_a_two_way_analysis(rng):
    grid = rng.standard_normal(SHAPE) + 2 * rng.standard_normal((24, 1))
    table = decomposition_table(StudyMaps({"a": grid.ravel()}))
    rows = {row["component"]: row for row in table.iter_rows(named=True)}
    mean = grid.mean()
    total = np.sum((grid - mean) ** 2)
    topic = 24 * np.sum((grid.mean(axis=1) - mean) ** 2)
    format_ = 24 * np.sum((grid.mean(axis=0) - mean) ** 2)
    assert rows["topic"]["share"] == pytest.approx(topic / total)
    assert rows["format"]["share"] == pytest.approx(format_ / total)
    assert rows["interaction"]["share"] == pytest.approx(1 - (topic + format_) / total)
    assert [rows[c]["df"] for c in ("topic", "format", "interaction")] == [23, 23, 529]


def test_additive_map_has_no_interaction_where_bins_are_missing(rng):
    grid = rng.standard_normal((24, 1)) + rng.standard_normal((1, 24))
    values = grid.ravel()
    values[rng.choice(576, 200, replace=False)] = np.nan
    shares = dict(
        decomposition_table(StudyMaps({"a": values})).select("component", "share").iter_rows()
    )
    assert shares["interaction"] == pytest.approx(0, abs=1e-9)
    assert sum(shares.values()) == pytest.approx(1)


def test_noise_is_taken_off_and_leaves_the_true_shares(rng):
    """Topics alone differ; documents add noise to every bin, questions the same to all bins."""
    nets, raw = [], []
    for _ in range(40):
        topics = np.repeat(rng.standard_normal(24), 24)
        groups, _ = simulate(rng, queries=15, query_sd=2.0, interaction_sd=2.0)
        groups.means[:] += topics[groups.bins][:, None]
        parts = from_components(components(groups), own=True)
        table = decomposition_table(StudyMaps({"a": parts.influence}, {"a": parts}))
        nets.append(dict(table.select("component", "net_share").iter_rows()))
        raw.append(dict(table.select("component", "share").iter_rows()))
    assert np.mean([net["topic"] for net in nets]) == pytest.approx(1, abs=0.03)
    assert np.mean([net["interaction"] for net in nets]) == pytest.approx(0, abs=0.03)
    assert np.mean([share["interaction"] for share in raw]) > 0.15


def test_noise_of_a_bin_with_one_fold_is_unknown_and_so_is_the_rest(rng):
    groups, _ = simulate(rng, bins=30, queries=5)
    alone = (groups.bins != 4) | (groups.folds == 2)
    thin = GroupMeans(*(getattr(groups, n)[alone] for n in ("bins", "folds", "counts", "means")))
    parts = from_components(components(thin), own=True)
    table = decomposition_table(StudyMaps({"a": parts.influence}, {"a": parts}))
    assert table["net_share"].null_count() == 3
    assert table["share"].sum() == pytest.approx(1)


def test_concentration_of_amounts_worked_by_hand():
    found = concentration(np.array([0.0, 1.0, 1.0, 2.0]))
    assert found["effective_bins"] == pytest.approx(16 / 6)
    assert found["gini"] == pytest.approx(2 * (2 + 3 + 8) / 16 - 5 / 4)
    assert found["top1_share"] == 0.5
    assert found["top5_share"] is None
    assert found["n_positive"] == 3
    assert concentration(np.ones(10))["gini"] == pytest.approx(0)


def test_one_bin_that_holds_everything_is_named():
    values = np.zeros(576)
    values[77] = -5.0
    table = concentration_table(StudyMaps({"a": values, "flat": np.zeros(576)}))
    assert set(table["benchmark"]) == {"a"}
    row = table.filter(part="oppose").row(0, named=True)
    assert (row["top_topic"], row["top_format"]) == BINS[77]
    assert row["top1_share"] == 1.0
    assert row["effective_bins"] == pytest.approx(1)
    assert table.filter(part="variance")["top1_share"][0] > 0.99


def bins_of(influence, n_docs):
    topics, formats = zip(*BINS, strict=True)
    frame = pl.DataFrame(
        {
            "benchmark": "a",
            "topic": topics,
            "format": formats,
            "n_docs": n_docs,
            "influence": influence,
            "z": influence,
            "se_centred": 0.1,
        }
    ).with_columns(rank=pl.col("influence").rank("min", descending=True).cast(pl.Int64))
    return frame.with_columns(pl.col("influence", "z").fill_nan(None))


def test_mass_is_weight_times_what_a_bin_has_over_an_average_document(rng):
    influence = rng.standard_normal(576)
    influence[5] = np.nan
    weight = rng.random(576)
    weights = bins_of(influence, 1).select("topic", "format", weight=pl.Series(weight))
    table = weighted_table(bins_of(influence, 1), weights)
    known = np.isfinite(influence)
    share = weight[known] / weight[known].sum()
    excess = influence[known] - share @ influence[known]
    found = table.filter(pl.col("mass").is_not_null())
    np.testing.assert_allclose(found["mass"].to_numpy(), share * excess)
    np.testing.assert_allclose(found["mass_se"].to_numpy(), share * 0.1)
    assert found["mass"].sum() == pytest.approx(0, abs=1e-12)
    assert found["mass_share"].abs().sum() == pytest.approx(1)
    assert table.filter(pl.col("mass").is_null())["topic"].to_list() == [BINS[5][0]]
    assert found["mass_rank"].max() == 575


def test_matrix_without_documents_has_no_mass(rng):
    table = weighted_table(bins_of(rng.standard_normal(576), pl.Series([None] * 576)), None)
    assert table["mass_of"].unique().to_list() == ["matrix"]
    assert table["mass"].null_count() == table["weight"].null_count() == 576
    assert table["influence"].null_count() == 0


def test_maps_with_topics_of_their_own_agree_by_chance_and_are_not_called(rng):
    """Dealing single bins would call 60 to 70% of such pairs at 5%."""
    called = 0
    for number in range(60):
        maps = {
            name: (rng.standard_normal((24, 1)) + 0.3 * rng.standard_normal(SHAPE)).ravel()
            for name in "ab"
        }
        called += correlation_table(StudyMaps(maps), 99, number)["p_value"][0] <= 0.05
    assert called <= 9  # 3 expected; 10 or more have a chance of 0.1%


def test_map_that_repeats_another_is_called_though_bins_are_missing(rng):
    a = rng.standard_normal(576)
    b = a + 0.5 * rng.standard_normal(576)
    a[::7], b[::5] = np.nan, np.nan
    assert correlation_table(StudyMaps({"a": a, "b": b}), 199, 1)["p_value"][0] == 1 / 200
    assert correlation_table(StudyMaps({"a": a, "b": b}))["p_value"][0] is None


def test_mixture_is_held_against_the_topics_that_have_a_weight(rng, tmp_path):
    values = np.repeat(np.arange(24.0), 24) + 0.1 * rng.standard_normal(576)
    marginals = marginal_table(StudyMaps({"a": values}), {"a": np.zeros(576)}, 0.95, 1)
    path = tmp_path / "weights.csv"
    path.write_text("topic,weight\n" + "".join(f"{t},{i * i}\n" for i, t in enumerate(TOPICS[:20])))
    row = mixture_table(marginals, read_topic_weights(str(path)), 199, 1).row(0, named=True)
    assert row["n_topics"] == 20
    assert row["spearman"] == pytest.approx(1)
    assert row["p_value"] == 1 / 200
    assert (row["highest_topic"], row["highest_weight"]) == (TOPICS[19], 361)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("topic,share\n", "lacks the column 'weight'"),
        ("topic,weight\nchess,1\n", "row 2: topic 'chess'"),
        (f"topic,weight\n{TOPICS[0]},1\n{TOPICS[0]},2\n", "row 3: .* comes twice"),
        (f"topic,weight\n{TOPICS[0]},-1\n", "row 2: weight '-1'; allowed"),
        (f"topic,weight\n{TOPICS[0]},nan\n", "row 2: weight 'nan'; allowed"),
        (f"topic,weight\n{TOPICS[0]},1\n", "has 1 topics"),
    ],
)
def test_bad_topic_weights_are_named_by_file_and_row(tmp_path, text, message):
    path = tmp_path / "weights.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=f"weights.csv.*{message}"):
        read_topic_weights(str(path))


def test_ratio_far_on_one_side_of_its_null_is_called_on_both_sides_alike():
    null = np.arange(1.0, 100.0)
    assert two_sided_p(1000.0, null) == two_sided_p(0.5, null) == 0.02
    assert two_sided_p(50.0, null) == 1.0
    assert np.isnan(two_sided_p(1.0, np.array([np.nan])))


def test_formats_are_read_in_the_order_of_the_taxonomy():
    grid = np.tile(np.arange(24.0), (24, 1))
    table = marginal_table(StudyMaps({"a": grid.ravel()}), {"a": np.zeros(576)}, 0.95, 1)
    assert table.filter(axis="format", rank=1)["format"].to_list() == [FORMATS[23]]
