"""The numbers in the explorer are those of the tables; what is not known is null."""

import numpy as np
import polars as pl
import pytest

from tests.report.conftest import TITLES
from tests.report.explorer_studies import (
    ALIKE,
    CELLS,
    EMPTY,
    THIN,
    data_of,
    make_study,
    write_page_of,
)
from workflow_scripts.common.tables import polars_schema, read_table, write_table
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.report.explorer.facts import model_fact
from workflow_scripts.report.explorer.maps import (
    add_marginals,
    add_scales,
    benchmark_map,
    by_bin,
    contrast_map,
    numbers,
)
from workflow_scripts.report.explorer.measures import number_format
from workflow_scripts.report.explorer.page import library
from workflow_scripts.report.explorer.payload import Kind, Tables, explorer_payload
from workflow_scripts.report.figures.contrast_panels import found

LARGEST_PAGE = 3_000_000


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("explorer"))


@pytest.fixture(scope="module")
def page(inputs, tmp_path_factory):
    return write_page_of(inputs, tmp_path_factory.mktemp("page") / "explorer.html")


@pytest.fixture(scope="module")
def data(page):
    return data_of(page)


def map_of(data, name):
    return next(made for made in data["maps"] if made["key"] == name)


def table_of(inputs, name):
    """A benchmark's rows in the order of the map, whatever the order of the file."""
    order = pl.DataFrame(BINS, schema=["topic", "format"], orient="row")
    bins = read_table(inputs["bins"], "influence/bin_influence").filter(benchmark=name)
    return order.join(bins, on=["topic", "format"], how="left", maintain_order="left")


def close(shown, known):
    """Equal to six significant digits, null for null."""
    assert len(shown) == len(known)
    for a, b in zip(shown, known, strict=True):
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, rel=6e-6, abs=0)
    return True


@pytest.mark.parametrize("name", TITLES)
def test_every_number_is_that_of_the_table_at_its_bin(inputs, data, name):
    table, made = table_of(inputs, name), map_of(data, name)
    for column, values in made["columns"].items():
        assert close(values, table[column].to_list())
    assert close(made["q"], table["q_unusual"].to_list())
    assert close(made["p"], table["p_unusual"].to_list())
    for measure in ("z", "robust_z", "influence"):
        assert close(made["measures"][measure]["value"], table[measure].to_list())


@pytest.mark.parametrize("measure", ["z", "robust_z"])
def test_interval_of_z_is_that_of_influence_on_its_scale(inputs, data, measure):
    """The measure is a line in influence: two bins fix it, and it gives every end."""
    table, part = table_of(inputs, "stem_reasoning"), map_of(data, "stem_reasoning")
    part = part["measures"][measure]
    known = table.drop_nulls("influence")
    slope, level = np.polyfit(known["influence"], known[measure], 1)
    for end, column in (("low", "ci_low"), ("high", "ci_high")):
        expected = [None if x is None else slope * x + level for x in table[column]]
        shown = np.array([np.nan if x is None else x for x in part[end]])
        wanted = np.array([np.nan if x is None else x for x in expected])
        np.testing.assert_allclose(shown, wanted, atol=1e-4)


def test_bins_without_documents_are_null_in_every_measure(data):
    for made in data["maps"]:
        for part in made["measures"].values():
            for end in ("value", "low", "high"):
                assert all(part[end][index] is None for index in EMPTY)
        assert all(made["q"][index] is None for index in EMPTY)
    assert map_of(data, "stem_reasoning")["columns"]["n_docs"][EMPTY[0]] == 0


def test_flags_of_the_bins_are_at_their_places(data):
    thin = [index for index, flag in enumerate(data["bins"]["underfilled"]) if flag]
    alike = data["bins"]["near_duplicate_share"]
    assert thin == sorted(THIN + EMPTY)
    assert [i for i, share in enumerate(alike) if (share or 0) >= data["alike"]] == list(ALIKE)


def test_means_of_contrasts_and_their_intervals_are_those_of_the_table(inputs, data):
    rows = read_table(inputs["contrasts"], "influence/contrasts").filter(contrast="knowledge")
    part = map_of(data, "contrast:knowledge")["measures"]["gap"]
    for axis, labels in (("topic", TOPICS), ("format", FORMATS)):
        values = dict(rows.filter(axis=axis).select(axis, "value").iter_rows())
        assert close(part["margins"][axis]["value"], [values[label] for label in labels])
        lows = dict(rows.filter(axis=axis).select(axis, "ci_low").iter_rows())
        assert close(part["margins"][axis]["low"], [lows[label] for label in labels])
    ranks = map_of(data, "contrast:knowledge")["columns"]["rank"]
    assert ranks.index(1) == int(np.nanargmax(np.array(part["value"], dtype=float)))
    assert map_of(data, "contrast:difference")["confounded"]


def test_a_contrast_marks_the_bins_that_its_figure_marks(inputs, data):
    """One rule for page and figure: another column would mark other bins."""
    rows = read_table(inputs["contrasts"], "influence/contrasts")
    for made in (made for made in data["maps"] if made["kind"] == "contrast"):
        bins = rows.filter(contrast=made["key"].removeprefix("contrast:"), axis="bin")
        by_figure = by_bin(bins.with_columns(found=found()), "found")
        shown = [None if mark is None else bool(mark) for mark in made["found"]]
        assert [mark or False for mark in shown] == [mark or False for mark in by_figure]
        assert {index for index, mark in enumerate(shown) if mark is None} == set(EMPTY)
        by_p = [p is not None and p < 0.05 for p in made["p"]]
        assert by_p != [mark or False for mark in shown]


def test_a_contrast_bin_that_was_not_tested_is_neither_marked_nor_unmarked():
    rows = pl.DataFrame(BINS, schema=["topic", "format"], orient="row").with_columns(
        axis=pl.lit("bin"),
        value=1.0,
        ci_low=pl.lit(None, pl.Float64),
        ci_high=pl.lit(None, pl.Float64),
        p_value=0.5,
        q_value=pl.Series([0.01, 0.2, *[None] * 574]),
        robust_value=1.2,
        confounded=pl.lit(False),
    )
    assert contrast_map(plan_contrasts(CELLS)[0], rows, CELLS)["found"] == [1, 0, *[None] * 574]


def test_means_of_measures_without_a_table_are_over_bins_with_documents(data):
    part = map_of(data, "social_reasoning")["measures"]["shrunk"]
    grid = np.array(part["value"], dtype=float).reshape(24, 24)
    means = part["margins"]["topic"]["value"]
    np.testing.assert_allclose(means, np.nanmean(grid, axis=1), atol=1e-5)
    assert part["margins"]["topic"]["low"] == [None] * 24


def test_means_of_z_stand_in_the_page_as_in_the_table(inputs, data):
    table = read_table(inputs["marginals"], "influence/marginals")
    rows = table.filter(benchmark="stem_knowledge", axis="format").sort("format")
    margin = map_of(data, "stem_knowledge")["measures"]["z"]["margins"]["format"]
    order = np.argsort(FORMATS)
    for name, column in (("value", "z"), ("low", "ci_low"), ("high", "ci_high")):
        np.testing.assert_allclose(np.array(margin[name])[order], rows[column], atol=1e-5)


def test_planted_truth_is_at_its_bins_and_neutral_bins_are_left_out(inputs, data):
    truth = read_table(inputs["truth"], "corpus/truth").filter(benchmark="stem_knowledge")
    planted = map_of(data, "stem_knowledge")["truth"]
    assert len(planted) == truth.filter(pl.col("role") != "neutral").height
    for index, (role, dose) in planted.items():
        row = truth.filter(topic=BINS[int(index)][0], format=BINS[int(index)][1])
        assert (row["role"][0], row["dose"][0]) == (role, dose)


def test_measures_that_compare_share_their_colours_and_the_others_do_not(data):
    maps = [made["measures"] for made in data["maps"] if made["kind"] == "benchmark"]
    assert len({parts["z"]["limit"] for parts in maps}) == 1
    assert len({parts["influence"]["limit"] for parts in maps}) == len(maps)


def test_one_bin_that_dwarfs_the_others_is_counted_beyond_the_colours():
    values = [9.0, *np.linspace(-1, 1, 575).tolist()]
    made = {"measures": {"z": {"value": values}}}
    add_scales([made])
    assert (made["measures"]["z"]["limit"], made["measures"]["z"]["beyond"]) == (1.0, 1)


def test_weighted_map_has_its_interval_from_its_error(inputs):
    bins = read_table(inputs["bins"], "influence/bin_influence")
    weighted = bins.filter(benchmark="stem_reasoning").select("benchmark", "topic", "format")
    weighted = weighted.with_columns(mass=pl.lit(0.5), mass_se=pl.lit(0.1))
    known = {"stem_reasoning": {"title": "STEM reasoning"}}
    payload = explorer_payload("x", Tables(bins, weighted=weighted), known, [], 0.95)
    part = payload["maps"][0]["measures"]["mass"]
    assert part["value"][0] == 0.5
    assert part["low"][0] == pytest.approx(0.5 - 0.1 * 1.959964, abs=1e-6)
    assert "mass" in {measure["key"] for measure in payload["measures"]}


def matrix_bins():
    """Two benchmarks of an existing matrix: influence, z and rank, no errors."""
    schema = polars_schema("influence/bin_influence")
    frames = []
    for number, name in enumerate(("first", "second")):
        values = np.linspace(-1, 1, 576) * (-1) ** number
        frame = pl.DataFrame(BINS, schema=["topic", "format"], orient="row").with_columns(
            benchmark=pl.lit(name),
            n_docs=pl.lit(10),
            influence=pl.Series(values),
            z=pl.Series((values - values.mean()) / values.std(ddof=1)),
            robust_z=pl.Series(values / np.median(np.abs(values)) / 1.4826),
            rank=pl.Series(values).rank("min", descending=True).cast(pl.Int64),
        )
        missing = [pl.lit(None, kind).alias(c) for c, kind in schema.items() if c not in frame]
        frames.append(frame.with_columns(missing).select(pl.col(c).cast(schema[c]) for c in schema))
    return pl.concat(frames)


def test_a_matrix_without_errors_and_corpus_has_a_page_that_says_so(tmp_path):
    write_table(matrix_bins(), tmp_path / "bins.parquet", "influence/bin_influence")
    titles = {"first": "First", "second": "Second"}
    inputs = {"bins": str(tmp_path / "bins.parquet")}
    data = data_of(write_page_of(inputs, tmp_path / "explorer.html", titles, matrix=True))
    assert [made["key"] for made in data["maps"]] == ["first", "second"]
    assert {measure["key"] for measure in data["measures"]} == {"z", "robust_z", "influence"}
    part = data["maps"][0]["measures"]["z"]
    assert part["low"] == [None] * 576
    assert data["maps"][0]["q"] == [None] * 576
    assert "existing bin matrix" in dict(data["facts"])["Corpus"]
    assert "truth" not in data["maps"][0]
    assert data["bins"] == {}
    words = " ".join([data["lead"], *data["how"], *(each["about"] for each in data["measures"])])
    for absent in ("cosine", "gradient", "influence is", "Positive influence", "dot marks"):
        assert absent not in words
    assert data["measures"][-1]["label"] == "Value of the matrix"


def test_a_benchmark_called_like_a_contrast_keeps_its_own_map(inputs):
    bins = read_table(inputs["bins"], "influence/bin_influence").filter(benchmark="stem_reasoning")
    bins = bins.with_columns(benchmark=pl.lit("reasoning"))
    contrasts = read_table(inputs["contrasts"], "influence/contrasts")
    known = {"reasoning": {"title": "Reasoning"}}
    kind = Kind(cells=CELLS, plans=plan_contrasts(CELLS))
    payload = explorer_payload("x", Tables(bins, contrasts), known, [], 0.95, kind)
    keys = [made["key"] for made in payload["maps"]]
    assert keys == ["reasoning", *(f"contrast:{plan.name}" for plan in kind.plans)]


def test_means_without_an_error_have_none_beside_those_that_have_one(inputs):
    bins = read_table(inputs["bins"], "influence/bin_influence").filter(benchmark="stem_reasoning")
    made = benchmark_map("stem_reasoning", bins, {"title": "STEM reasoning"})
    ends = {"ci_low": [0.1, None], "ci_high": [0.3, None], "bins_low": [-9.0, 0.5]}
    rows = pl.DataFrame(
        {"axis": ["topic", "topic"], "topic": ["health", "games"], "format": [None, None]}
        | {"z": [0.2, 0.6], **ends, "bins_high": [9.0, 0.7], "q_value": [0.01, 0.5]}
    )
    add_marginals(made, rows)
    margin = made["measures"]["z"]["margins"]["topic"]
    at = TOPICS.index("health"), TOPICS.index("games"), TOPICS.index("travel_and_tourism")
    # An interval over bins is another thing: it does not replace the missing one.
    assert [margin["low"][index] for index in at] == [0.1, None, None]
    assert [margin["high"][index] for index in at] == [0.3, None, None]
    # No row, no number: never the mean of the bins beside the numbers of a table.
    assert [margin["value"][index] for index in at] == [0.2, 0.6, None]
    assert [margin["q"][index] for index in at] == [0.01, 0.5, None]


def test_intervals_of_means_are_named_by_what_they_draw(data):
    """One kind for a whole map: a unit without the better one has none."""
    assert map_of(data, "stem_knowledge")["measures"]["z"]["margins"]["draws"] == (
        "documents and questions"
    )
    units = [("topic", label, None) for label in TOPICS] + [("format", None, f) for f in FORMATS]
    marginals = pl.DataFrame(units, schema=["axis", "topic", "format"], orient="row")
    marginals = marginals.with_columns(z=0.0, bins_low=-0.2, bins_high=0.2, q_value=1.0)
    known = pl.when(pl.col("topic") == TOPICS[0]).then(pl.lit(0.1))
    for ends, draws, low in (
        (pl.lit(None, pl.Float64), "the unit's bins", [-0.2] * 24),
        (known, "documents and questions", [-0.1, *[None] * 23]),
    ):
        made = {"measures": {"z": {"margins": {}}}}
        add_marginals(made, marginals.with_columns(ci_low=-ends, ci_high=ends))
        margins = made["measures"]["z"]["margins"]
        assert (margins["draws"], margins["topic"]["low"]) == (draws, low)


@pytest.mark.parametrize(
    ("limit", "power", "digits"),
    [
        (3.15e-6, -6, 2),
        (48.6e-6, -6, 1),
        (9.9e-3, -3, 2),
        (0.0123, 0, 4),
        (2.5, 0, 2),
        (41234.0, 0, 0),
        (2.5e7, 6, 1),
    ],
)
def test_numbers_of_a_map_share_a_power_of_ten_and_three_digits_of_the_largest(
    limit, power, digits
):
    assert number_format(limit, None) == {"power": power, "digits": digits}
    assert number_format(limit, 2) == {"power": 0, "digits": 2}


@pytest.mark.parametrize("count", [1, 10])
def test_any_number_of_benchmarks_fits(inputs, count, tmp_path):
    one = read_table(inputs["bins"], "influence/bin_influence").filter(benchmark="stem_reasoning")
    titles = {f"b{number}": f"Benchmark {number}" for number in range(count)}
    bins = pl.concat([one.with_columns(benchmark=pl.lit(name)) for name in titles])
    write_table(bins, tmp_path / "bins.parquet", "influence/bin_influence")
    page = write_page_of({"bins": str(tmp_path / "bins.parquet")}, tmp_path / "x.html", titles)
    assert len(data_of(page)["maps"]) == count
    assert page.stat().st_size < LARGEST_PAGE


def test_page_of_four_benchmarks_is_small_and_the_same_on_a_second_run(inputs, page, tmp_path):
    assert page.stat().st_size < LARGEST_PAGE
    assert write_page_of(inputs, tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_page_asks_for_nothing_outside_of_itself(page):
    text = page.read_text(encoding="utf-8").replace(library(), "")
    assert "default-src 'none'" in text
    for sign in ('src="', "@import", "fetch(", "XMLHttpRequest", 'href="http', "url(http"):
        assert sign not in text


def test_words_of_a_study_cannot_end_a_script_or_become_markup(inputs, tmp_path):
    evil = "</script><img src=x onerror=alert(1)><!--"
    page = write_page_of(inputs, tmp_path / "evil.html", TITLES | {"stem_reasoning": evil}, evil)
    text = page.read_text(encoding="utf-8").replace(library(), "")
    assert "<img" not in text
    assert text.count("</script>") == 3
    assert map_of(data_of(page), "stem_reasoning")["title"] == evil


def test_study_is_named_with_model_corpus_sizes_and_versions(data):
    facts = dict(data["facts"])
    assert facts["Model"] == "trained on the working set (digest 0123456789ab)"
    assert facts["Working set"].startswith("4,584 documents of 5,088, at most 8 a bin (seed 42)")
    assert "573 of 576 bins" in data["lead"]
    assert facts["STEM reasoning"] == "30 questions; 90% answered correctly (chance 25%)"


def test_local_model_is_named_without_its_place_on_disk():
    record = {"source": "folder", "path": "/home/someone/models/olmo", "digest": "abc"}
    assert model_fact(record) == "olmo (local folder, digest abc)"
    record = {"source": "hub", "path": "allenai/Olmo-3", "revision": "f" * 40, "digest": ""}
    assert model_fact(record) == f"allenai/Olmo-3 (Hugging Face hub, revision {'f' * 12})"


def test_numbers_keep_six_digits_and_null_is_null():
    assert numbers([1 / 3, None, float("nan"), 12, True, 1e-9]) == [
        0.333333,
        None,
        None,
        12,
        1,
        1e-9,
    ]


def test_a_bin_that_a_table_lacks_is_none():
    frame = pl.DataFrame({"topic": ["games"], "format": ["faq"], "z": [2.0]})
    values = by_bin(frame, "z")
    assert values[BINS.index(("games", "faq"))] == 2.0
    assert sum(value is not None for value in values) == 1
