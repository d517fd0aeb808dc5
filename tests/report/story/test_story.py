"""The report's front page: its numbers are the tables', and no name breaks it."""

from dataclasses import replace

import jinja2
import polars as pl
import pytest
from docutils.core import publish_parts

from tests.report.conftest import (
    DRAWN,
    TITLES,
    make_bins,
    make_budget,
    make_contrasts,
    make_correlations,
    make_marginals,
    make_reliability,
    make_truth,
)
from tests.report.explorer_studies import CELLS
from tests.report.explorer_studies import make_correlations as make_pairs
from tests.validation.conftest import filled_columns
from workflow_scripts.common.taxonomy import TOPICS, display_name
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.report.cautions import NOTE, WARNING, above_chance, caution
from workflow_scripts.report.numbers import number_text
from workflow_scripts.report.story.checks import ORDER, found
from workflow_scripts.report.story.story import Story, alike, write_story
from workflow_scripts.report.text import between_off_zero, p_text, plain
from workflow_scripts.validation.baselines.planted_truth import compare_with_truth

NAMES = {name: TITLES[name] for name in DRAWN}


def make_tests():
    """Forgetting at two doses: 40 points at the larger, 30 of them beyond random documents."""
    rows = [
        {"contrast": contrast, "pairs": pairs, "dose": dose, "median": value * dose, "q_bh": 0.012}
        | {"at_floor": False, "p_t": 0.011, "primary": contrast == "cross_fitted"}
        for contrast, pairs, value in (
            ("targeted", "all", 0.4),
            ("targeted-random", "matched", 0.3),
            ("cross_fitted", "matched", 0.25),
            ("targeted-similar", "all", 0.35),
            ("bottom-random", "all", -0.02),
        )
        for dose in (0.5, 1.0)
    ]
    same = {"target": DRAWN[0], "evaluated": DRAWN[0], "measure": "accuracy", "n_topics": 4}
    table = pl.DataFrame(rows).with_columns(
        ci_low=pl.col("median") - 0.1, ci_high=pl.col("median") + 0.1
    )
    return filled_columns("unlearning/tests", table.with_columns(**same_literals(same)))


def make_selection():
    """Documents that half of the questions chose keep 70% of their excess on the other."""
    rows = [
        {
            "target": DRAWN[0],
            "topic": "health",
            "half": half,
            "excess_own": 1.0,
            "excess_other": 0.7,
        }
        for half in "ab"
    ]
    return filled_columns("unlearning/selection", pl.DataFrame(rows))


def same_literals(values):
    return {name: pl.lit(value) for name, value in values.items()}


def make_explained():
    rows = [
        {"benchmark": name, "scorer": scorer, "r2_adjusted": value, "r2_low": 0, "r2_high": 0.4}
        for number, name in enumerate(DRAWN)
        for scorer, value in (("texts", 0.11 + 0.1 * number), ("shuffled", -0.001))
    ]
    return filled_columns("validation/explained", pl.DataFrame(rows, infer_schema_length=None))


def make_leakage():
    rows = [
        {"benchmark": name, "n_documents": 1000, "n_documents_hit": 7 * (name == DRAWN[0])}
        for name in DRAWN
    ]
    return filled_columns("validation/leakage", pl.DataFrame(rows))


def make_extremes():
    """Over the topics, reasoning's largest contrast is 1.5 times that of knowledge."""
    rows = [
        {"contrast": "reasoning", "value": -0.9, "topic": "politics", "robust_topic": "health"},
        {"contrast": "knowledge", "value": 0.6, "topic": "health", "robust_topic": "health"},
        {"contrast": "difference", "value": 0.7, "topic": "games", "robust_topic": "games"},
    ]
    rows[2] |= {"ratio": 1.5, "p_value": 0.0123}
    table = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        axis=pl.lit("topic"), robust_value=pl.lit(0.8)
    )
    return filled_columns("influence/contrast_extremes", table)


@pytest.fixture(scope="module")
def story():
    """A planted study with unlearning."""
    bins, truth = make_bins(), make_truth()
    planted = compare_with_truth(truth, {"trackstar": bins, "shuffled": make_bins(strength=0.0)})
    tables = {
        "bins": bins,
        "marginals": make_marginals(bins, DRAWN),
        "correlations": make_correlations(bins),
        "reliability": make_reliability(576),
        "error_budget": make_budget(),
        "tests": make_tests(),
        "selection": make_selection(),
        "contrasts": make_contrasts(set(range(576))),
        "contrast_extremes": make_extremes(),
        "planted": planted,
        "explained": make_explained(),
        "leakage": make_leakage(),
    }
    facts = [("Model", "tiny"), ("Working set", "4,608 documents of 5,000")]
    return Story("made_up", NAMES, facts, tables, 0.95, "bh", False, plans=plan_contrasts(CELLS))


def without(story, *names):
    return replace(
        story, tables={key: table for key, table in story.tables.items() if key not in names}
    )


def rendered(text):
    """The page as Snakemake makes it; a warning of docutils is an error."""
    markup = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render()
    return publish_parts(markup, writer="html", settings_overrides={"halt_level": 2})["html_body"]


def test_the_page_names_bins_that_are_called_and_how_many(story):
    text = write_story(story)
    for name, title in NAMES.items():
        bins = story.tables["bins"].filter(benchmark=name)
        called = bins.filter(
            pl.col("q_unusual") < 0.05, pl.col("influence") > bins["influence"].median()
        )
        assert called.height > 5
        assert f"**{title}.** {called.height} of 576 bins called as supporting" in text
        for row in called.iter_rows(named=True):
            assert f"{display_name(row['topic'])} × {display_name(row['format'])}" in text


def test_the_page_leads_with_cross_half_and_names_shared_tasks(story):
    first = make_pairs().with_row_index("place")
    pairs = first.with_columns(
        shared_tasks=pl.when(pl.col("place") == 0).then(2).otherwise(0),
        cross_half=pl.when(pl.col("place") == 1).then(None).otherwise("cross_half"),
        reason=pl.when(pl.col("place") == 1).then(pl.lit("a half map is constant")),
    ).drop("place")
    names = {name: name for name in [*pairs["benchmark_a"], *pairs["benchmark_b"]]}
    told = replace(story, tables={"correlations": pairs}, titles=names)
    text = "\n".join(alike(told))
    head = ("Maps", "cross-half", "interval", "p", "at most", "Pearson's r")
    places = [text.index(f"- {words}\n") for words in head]
    assert places == sorted(places)
    row = pairs.row(0, named=True)
    assert number_text(row["cross_half"]) in text and number_text(row["pearson"]) in text
    assert f"{row['benchmark_a']} and {row['benchmark_b']} (2 tasks)".replace("_", r"\_") in text
    assert "a half map is constant" in text
    matrix = "\n".join(alike(replace(told, matrix=True)))
    assert "cross-half" not in matrix and "whether noise that its maps share" in matrix


def test_the_page_tells_reliability_forgetting_and_checks_in_the_tables_numbers(story):
    text = rendered(write_story(story))
    planted = story.tables["planted"].filter(scorer="trackstar")
    assert planted["false_discovery_share"].max() < 0.1
    for words in (
        "4,608 documents of 5,000",
        "0.75 over documents",
        "fewer than two questions",
        "0.31 sd of the map (1.05 x se): documents 60%, questions 30%, projection 10%, training",
        "rise of the forget loss by 1 ",
        "30.0 (20.0 to 40.0)",
        "25.0 (15.0 to 35.0)",
        "35.0 (25.0 to 45.0)",
        "less similar",
        "keep 70% (",
        "−2.0 (−12.0 to 8.0)",
        "0.11 to 0.21",
        "7 of 1,000 documents hold a question",
        ">shuffled documents<",
    ):
        assert words in text, words


def test_bins_stand_beside_what_was_planted_there(story):
    bins, truth = make_bins(), make_truth()
    told = replace(story, tables=story.tables | {"truth": truth})
    text = write_story(told)
    for name in NAMES:
        best = bins.filter(benchmark=name).sort("influence", descending=True).row(0, named=True)
        key = {"benchmark": name, "topic": best["topic"], "format": best["format"]}
        assert truth.filter(**key).select("role", "dose").row(0) == ("support", 1.0)
        place = f"{display_name(best['topic'])} × {display_name(best['format'])}"
        cells = text[text.index(f"* - {place}") :].splitlines()[1:7]
        assert cells[-1].split("- ")[1] == "support 100%"
    assert "(z −" in text and "planted: contradiction 100%)" in text
    assert "planted" not in write_story(without(story, "planted")).split("How alike")[0]


def test_calls_are_counted_by_what_was_planted(story):
    """Four bins are called by hand: two of support, one decoy, one of contradiction from below."""
    truth = make_truth()
    keys = ["benchmark", "topic", "format"]
    places = {role: truth.filter(benchmark=DRAWN[0], role=role).select(keys) for role in ORDER}
    chosen = pl.concat(
        [
            places["support"].head(2),
            places["decoy"].head(1),
            places["contradiction"].head(1),
        ]
    ).with_columns(q=pl.lit(0.01))
    bins = truth.join(chosen, on=keys, how="left").with_columns(
        influence=pl.when(role="contradiction")
        .then(-1.0)
        .when(role="neutral")
        .then(0.0)
        .otherwise(1),
        z=pl.lit(2.0),
        q_unusual=pl.col("q").fill_null(0.9),
    )
    table = found({"bins": bins.drop("role", "dose", "q"), "truth": truth})[1]
    rows = [part.splitlines() for part in table.split("   * - ")[1:]]
    counts = {row[0]: [cell.split()[-1] for cell in row[1:3]] for row in rows[1:]}
    # Doses of a role go round: 25%, 50%, 100%; there are four benchmarks with 12 bins each.
    assert counts["support 25%"] == ["16", "1"]
    assert counts["support 50%"] == ["16", "1"]
    assert counts["support 100%"] == ["16", "0"]
    assert counts["decoy"] == ["24", "1"]
    assert counts["contradiction 25%"] == ["16", "0"]
    assert counts["nothing"] == [f"{4 * (576 - 30):,}", "0"]
    assert found({"bins": bins}) == []


def test_parts_that_a_study_lacks_are_left_out_and_said_to_be(story):
    text = rendered(
        write_story(without(story, "tests", "planted", "explained", "leakage", "reliability"))
    )
    assert "Planted truth" not in text and "adapters" not in text.lower()
    for words in (
        "in this corpus is not known",
        "No documents were forgotten",
        "No other scorer was run",
        "was not searched",
        "no documents and questions to deal into halves",
    ):
        assert words in text, words


def test_a_study_of_a_matrix_says_that_its_values_were_not_computed(story):
    bins = story.tables["bins"].with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in ("q_unusual", "ci_low", "ci_high")
    )
    matrix = replace(
        without(story, "tests", "planted", "explained", "leakage", "reliability"), matrix=True
    )
    text = rendered(write_story(replace(matrix, tables=matrix.tables | {"bins": bins})))
    assert "values of an existing bin matrix" in text and "gradients of its" not in text
    assert "without errors no bin can be tested" in text
    assert "No bin is <em>called</em> here" in text and "false discovery rate, BH" not in text
    assert "no second projection and no retraining can check it" in text


def test_where_no_bin_is_called_the_page_says_so(story):
    bins = story.tables["bins"].with_columns(q_unusual=pl.lit(0.7))
    text = write_story(replace(story, tables=story.tables | {"bins": bins}))
    assert "0 of 576 bins called as supporting" in text and "none of them is called" in text
    assert "Also called" not in text


@pytest.mark.parametrize(
    "name",
    [
        "a*b*c_",
        "{{ secret }} {% raw %}",
        "{% endraw %}{{ 1/0 }}",
        "`x` |y| [1]_ \\n",
        "::",
        "- x",
        "2. x",
    ],
)
def test_no_name_is_taken_for_markup(story, name):
    text = rendered(write_story(replace(story, study=name, titles=dict.fromkeys(NAMES, name))))
    assert f"<em>{name}</em>" in text
    assert f"<td><p>{name}</p></td>" in text or f"<td>{name}</td>" in text


def test_small_numbers_and_missing_ones_are_words():
    assert [p_text(value) for value in (None, 0.0, 0.0421, 1.0)] == [
        "n/a", "< 0.001", "0.042", "1",
    ]  # fmt: skip
    assert plain("a  b\nc") == "a b c"


def test_the_page_names_the_largest_topics_of_each_contrast_and_their_ratio(story):
    part = write_story(story).split("\nContrasts\n")[1].split("How alike")[0]
    topics = story.tables["contrasts"].filter(axis="topic")
    for name in ("reasoning", "knowledge", "difference"):
        ranked = topics.filter(contrast=name).sort(pl.col("value").abs(), descending=True)
        places = [part.index(f"{display_name(topic)}\n") for topic in ranked["topic"].head(1)]
        cells = part[places[0] :].splitlines()[1:4]
        value, q = ranked["value"][0], ranked["q_value"][0]
        shown = [cell.split("\\ ")[-1].replace("−", "-") for cell in cells]
        assert shown[0] == f"{value:.2f}" and shown[2] == p_text(q)
    ratio = "0.60 (Health) in Social − STEM knowledge: 1.50 times as large (p 0.012"
    assert "−0.90 (Politics) in Social − STEM reasoning" in part and ratio in part
    assert (
        "by robust z the largest topic is another, 0.80 (Health) in place of −0.90 (Politics)"
        in part
    )
    assert "in different forms, which alone can move a map, in: Difference of the two" in part
    none = write_story(without(story, "contrasts"))
    assert "a contrast needs two benchmarks to compare" in none


def test_an_end_that_is_not_0_is_written_so_that_it_shows():
    assert between_off_zero(-0.25, -0.004) == "−0.250 to −0.004"
    assert between_off_zero(-0.25, 0.1) == "−0.25 to 0.10"
    assert between_off_zero(0.0, 0.1) == "0.00 to 0.10"
    assert between_off_zero(None, None) == "n/a"


def test_topics_are_named_where_they_are_unusual_with_the_interval_of_called_ones(story):
    table = story.tables["marginals"].filter(axis="topic")
    chosen = pl.col("topic") == TOPICS[3]
    q = table.with_columns(
        q_value=pl.when(chosen).then(0.01).otherwise(0.5),
        effect=pl.when(chosen).then(-0.5).otherwise(0.0),
        z=pl.when(chosen).then(-0.5).otherwise(pl.col("z")),
        fcr_low=pl.when(chosen).then(-0.91),
        fcr_high=pl.when(chosen).then(-0.12),
    )
    text = write_story(replace(story, tables=story.tables | {"marginals": q}))
    name = display_name(TOPICS[3])
    assert f"opposing: {name} (−0.50, −0.91 to −0.12)" in text
    assert "interval with the bins as draws" in text
    none = q.with_columns(q_value=pl.lit(0.5))
    text = write_story(replace(story, tables=story.tables | {"marginals": none}))
    assert "none is unusual; the highest is" in text and f"opposing: {name} (" not in text


def test_variants_of_the_maps_are_told_with_what_was_not_made(story):
    rows = [
        (DRAWN[0], "the map itself", 1.0, 1.0, 10, 10, None),
        (DRAWN[0], "damping 1", 0.97, 0.9, 10, 8, None),
        (DRAWN[0], "damping 0.1", None, None, None, None, "the study's own damping"),
    ]
    names = ["benchmark", "variant", "pearson", "spearman", "n_called", "still_called", "reason"]
    found = pl.DataFrame(rows, schema=names, orient="row").with_columns(auroc=pl.lit(None))
    text = rendered(write_story(replace(story, tables=story.tables | {"sensitivity": found})))
    assert "damping 1" in text and "8 of 10" in text and "0.97" in text
    assert "Not made: damping 0.1: the study's own damping." in text
    gone = found.filter(pl.col("reason").is_not_null())
    told = write_story(replace(story, tables=story.tables | {"sensitivity": gone}))
    assert "Not known: the study's own damping." in told
    assert "Not known: the maps were not computed here." in write_story(story)


def test_accuracy_is_above_chance_where_its_exact_interval_is():
    """Of 10 questions with chance 1/2: P(8 or more) = 56/1024 = 0.055, P(9 or more) = 0.011."""
    assert not above_chance(8, 10, 0.5)
    assert above_chance(9, 10, 0.5)
    assert not above_chance(0, 10, 0.5)
    assert above_chance(9_000, 20_000, 0.25)
    assert not above_chance(5_000, 20_000, 0.25)


def test_cautions_stand_once_before_the_maps_and_a_map_of_one_points_to_them(story):
    assert "Read with caution" not in write_story(story)
    cautions = [
        caution("near_chance", WARNING, "Answers *guessed*.", [DRAWN[1]]),
        caution("left_out_rows", NOTE, "7 rows left out."),
    ]
    text = write_story(replace(story, cautions=cautions))
    assert "* **Answers \\*guessed\\*.**" in text and "* 7 rows left out." in text
    assert text.count("guessed") == 1
    place = text.index("**Read the cautions about it first.**")
    assert text.count("**Read the cautions about it first.**") == 1
    assert text.index("guessed") < text.index(f"**{TITLES[DRAWN[1]]}.** ") < place


def test_a_constant_map_names_no_bin_as_its_highest(story):
    flat = story.tables["bins"].with_columns(
        influence=pl.lit(0.5), z=pl.lit(None, dtype=pl.Float64), q_unusual=pl.lit(None, pl.Float64)
    )
    text = write_story(replace(story, tables=story.tables | {"bins": flat}))
    assert text.count("All 576 bins are equal") == len(NAMES)
    assert "Highest bins" not in text and "Topics (mean z" not in text


@pytest.mark.parametrize(("retrained", "words"), [(True, "snakemake lds"), (False, "make lds")])
def test_checks_that_are_not_run_with_the_study_are_named_with_their_commands(
    story, retrained, words
):
    text = rendered(write_story(replace(story, retrained=retrained)))
    assert "snakemake validate" in text and words in text
