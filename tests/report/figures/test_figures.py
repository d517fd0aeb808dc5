"""Figures as their rules make them: written, repeatable, with the table beside."""

from types import SimpleNamespace

import polars as pl
import pytest
from matplotlib.text import Text

from tests.report.conftest import DRAWN, TITLES
from tests.report.explorer_studies import make_correlations as make_pairs
from tests.support import Named
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.report.figures import plot_influence, plot_validation
from workflow_scripts.report.figures.agreement_panels import draw_correlations
from workflow_scripts.report.figures.contrast_panels import draw_contrasts
from workflow_scripts.report.figures.explained_panels import draw_explained
from workflow_scripts.report.figures.lexical_panels import compared, draw_words, signed
from workflow_scripts.report.figures.marginal_panels import draw_marginals
from workflow_scripts.report.numbers import number_text

CELLS = {
    name: {"domain": name.split("_")[0], "capability": name.split("_")[1], "title": title}
    for name, title in TITLES.items()
}


KINDS = ("png", "svg", "csv")


FIGURES = (
    "contrasts",
    "marginals",
    "correlations",
    "reliability",
    "error_budget",
    "lexical_profile",
)


def influence_call(study, folder, figures=FIGURES):
    place = study.folder / "benchmarks"
    maps = {f"map_{kind}": [str(folder / f"map_{name}.{kind}") for name in DRAWN] for kind in KINDS}
    others = {
        f"{name}_{kind}": str(folder / f"{name}.{kind}") for name in figures for kind in KINDS
    }
    return SimpleNamespace(
        input=Named(
            bins=str(study.bins),
            cautions=str(study.cautions),
            answers=[str(place / name / "answers.parquet") for name in DRAWN],
            queries=[str(place / name / "queries.parquet") for name in DRAWN],
            **{name: str(getattr(study, name)) for name in figures},
        ),
        output=SimpleNamespace(**maps, **others),
        params=SimpleNamespace(
            benchmarks=DRAWN,
            titles=[TITLES[name] for name in DRAWN],
            figures=list(figures),
            cells=CELLS,
            contrasts=None,
            matrix=False,
            confidence=0.95,
        ),
    )


def validation_call(study, folder, planted=tuple(TITLES)):
    files = {
        "explained_png": "explained.png",
        "explained_svg": "explained.svg",
        "explained_csv": "explained.csv",
    }
    if planted:
        files |= {"planted_png": "planted.png", "planted_svg": "planted.svg"}
        files |= {"bins_csv": "planted_bins.csv", "scorers_csv": "planted_scorers.csv"}
    return SimpleNamespace(
        input=SimpleNamespace(
            explained=str(study.explained),
            cautions=str(study.cautions),
            truth=str(study.truth),
            bins=str(study.bins),
            planted=str(study.planted),
        ),
        output=SimpleNamespace(**{key: str(folder / name) for key, name in files.items()}),
        params=SimpleNamespace(
            benchmarks=list(TITLES),
            titles=list(TITLES.values()),
            planted=list(planted),
            confidence=0.95,
        ),
    )


CALLS = {
    "influence": (plot_influence.main, influence_call, 24),
    "validation": (plot_validation.main, validation_call, 7),
}


@pytest.fixture(scope="module")
def figures(study):
    """Folder with all figures of a study."""
    for main, call, _ in CALLS.values():
        main(call(study, study.figures))
    return study.figures


def test_every_figure_is_written_with_its_table(study, figures):
    names = sorted(path.name for path in figures.iterdir())
    assert len(names) == 31
    assert all(path.stat().st_size > 20_000 for path in figures.glob("*.[ps][nv]g"))


@pytest.mark.parametrize("study", ["full"], indirect=True)
@pytest.mark.parametrize("figure", CALLS)
def test_figures_are_the_same_bytes_on_a_second_run(study, figures, figure, tmp_path):
    main, call, count = CALLS[figure]
    main(call(study, tmp_path))
    again = sorted(tmp_path.iterdir())
    assert len(again) == count
    for path in again:
        assert path.read_bytes() == (figures / path.name).read_bytes(), path.name


def test_tables_beside_the_figures_match_the_artifacts(study, figures):
    table = read_table(study.bins, "influence/bin_influence")
    for name in DRAWN:
        beside = pl.read_csv(figures / f"map_{name}.csv")
        artifact = table.filter(benchmark=name)
        assert beside.height == 576
        assert beside["z"].null_count() == artifact["z"].null_count()
        known = (beside["z"] - artifact["z"]).abs().drop_nulls()
        assert known.max() <= 1e-6
    contrasts = read_table(study.contrasts, "influence/contrasts")
    beside = pl.read_csv(figures / "contrasts.csv")
    assert (beside["value"] - contrasts["value"]).abs().max() <= 1e-6
    bins = pl.read_csv(figures / "planted_bins.csv")
    assert bins.height == table["z"].drop_nulls().len()
    words = pl.read_csv(figures / "lexical_profile.csv")
    groups = read_table(study.lexical_profile, "influence/lexical_profile").filter(group="bin")
    assert words.height == 3 * 3 * 8
    assert groups.height == 1 and "bin" not in words["group"]
    explained = read_table(study.explained, "validation/explained")
    assert pl.read_csv(figures / "explained.csv")["r2"].to_list() == explained["r2"].to_list()


def texts(figure):
    """All that is written in a figure."""
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize("study", ["full"], indirect=True)
def test_words_state_both_groups_and_tell_differences_that_may_be_none(study):
    table = compared(read_table(study.lexical_profile, "influence/lexical_profile"))
    figure = draw_words(table, {name: TITLES[name] for name in DRAWN}, 0.9)
    assert "Which words do the regions use?" in {text.get_text() for text in figure.texts}
    written = texts(figure)
    assert "Social reasoning\n7 / 569 bins\n70 / 1,400 documents" in written
    # Chosen as the highest 5%, since no bin was called.
    assert "STEM knowledge *\n7 / 569 bins\n70 / 1,400 documents" in written
    assert any("90% bootstrap intervals" in text for text in written)
    # Of 8.5 + number the interval goes from 5.5 to 11.5 + number: it never holds 0.
    weights = {t.get_text(): t.get_fontweight() for t in figure.findobj(Text)}
    assert weights["+8.5\n5.5 to 11.5"] == "bold"
    wide = table.with_columns(ci_low=pl.col("value") - 99)
    weights = {
        t.get_text(): t.get_fontweight() for t in draw_words(wide, TITLES, 0.9).findobj(Text)
    }
    assert weights["+8.5\n\u221290.5 to 11.5"] == "normal"
    # Neither group of one benchmark has a number of quotations.
    assert written.count("none") == 2


@pytest.mark.parametrize("study", ["full"], indirect=True)
def test_long_names_of_benchmarks_end_within_their_panels(study):
    """Measured in the drawn picture, at the width that many benchmarks leave to each."""
    names = dict.fromkeys(DRAWN, "MMLU social sciences (letters, 5-shot)")
    marginals = read_table(study.marginals, "influence/marginals")
    explained = read_table(study.explained, "validation/explained")
    for figure in (
        draw_marginals(marginals, names | {"x": "Another", "y": "Other"}, 0.95),
        draw_explained(explained, names | {"x": "Another", "y": "Other"}, 0.95),
    ):
        figure.draw_without_rendering()
        first, second = figure.axes[:2]
        words = [text for text in first.findobj(Text) if text.get_text().startswith("MMLU")]
        assert len(words) == 1
        title = words[0].get_window_extent()
        assert title.x1 < second.get_window_extent().x0
        assert title.y1 < min(text.get_window_extent().y0 for text in figure.texts)


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.54, "+8.5"), (-8.54, "\u22128.5"), (0.04, "0.0"), (-0.04, "0.0"), (152.3, "+152")],
)
def test_a_difference_has_its_sign_unless_it_rounds_to_zero(value, text):
    assert signed(value) == text


@pytest.mark.parametrize("study", ["full"], indirect=True)
def test_explained_shares_are_written_beside_their_points(study):
    table = read_table(study.explained, "validation/explained")
    figure = draw_explained(table, TITLES, 0.95)
    written = texts(figure)
    assert [written.count(share) for share in ("0.05", "0.70", "0.06", "0.75")] == [4] * 4
    # Two fits of several scorers have no rank correlation, on each of four benchmarks.
    assert sum("several" in text for text in written) == 2 * 4 + 1
    upper = figure.axes[0]
    drawn = [line for line in upper.get_lines() if line.get_marker() in ("o", "D")]
    places = {int(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in drawn}
    # Scorers of texts, then of gradients, then controls; below 0 means nothing and is drawn so.
    assert places == {0: 0.05, 1: 0.06, 2: 0.7, 3: 0.75, 4: 0.0}


def test_a_study_without_truth_or_other_scorers_says_so_in_its_figure(study, tmp_path):
    none = read_table(study.explained, "validation/explained").clear()
    write_table(none, tmp_path / "none.parquet", "validation/explained")
    call = validation_call(study, tmp_path, planted=())
    call.input.explained = str(tmp_path / "none.parquet")
    plot_validation.main(call)
    assert {path.name for path in tmp_path.glob("*.[pcs][nsv][gv]")} == {
        "explained.png",
        "explained.svg",
        "explained.csv",
    }
    assert "No other scorer was run" in "".join(texts(draw_explained(none, TITLES, 0.95)))


@pytest.mark.parametrize("study", ["full"], indirect=True)
def test_a_study_with_one_contrast_gets_one_panel(study, tmp_path):
    one = read_table(study.contrasts, "influence/contrasts").filter(contrast="reasoning")
    write_table(one, tmp_path / "one.parquet", "influence/contrasts")
    call = influence_call(study, tmp_path, ["contrasts"])
    call.input.contrasts = str(tmp_path / "one.parquet")
    plot_influence.main(call)
    assert (tmp_path / "contrasts.svg").stat().st_size > 20_000


@pytest.mark.parametrize("study", ["full"], indirect=True)
def test_contrasts_without_rows_are_a_sentence_and_not_an_error(study, tmp_path):
    none = read_table(study.contrasts, "influence/contrasts").clear()
    write_table(none, tmp_path / "none.parquet", "influence/contrasts")
    call = influence_call(study, tmp_path, ["contrasts"])
    call.input.contrasts = str(tmp_path / "none.parquet")
    plot_influence.main(call)
    assert len(list(tmp_path.glob("contrasts.*"))) == 3
    assert "No contrast can be drawn" in "".join(
        texts(draw_contrasts(none, plan_contrasts(CELLS), CELLS, 0.95))
    )


def test_a_map_of_an_existing_matrix_is_drawn_without_answers_or_questions(study, tmp_path):
    call = influence_call(study, tmp_path, ["correlations"])
    del call.input.answers, call.input.queries
    call.params.matrix = True
    plot_influence.main(call)
    text = (tmp_path / f"map_{DRAWN[0]}.svg").read_text()
    assert "Values of an existing matrix" in text
    for word in ("correctly", "cosine", "gradient"):
        assert word not in text, word


def test_the_figure_of_agreement_leads_with_cross_half_and_says_where_it_is_unknown():
    pairs = make_pairs()
    names = {name: name for name in [*pairs["benchmark_a"], *pairs["benchmark_b"]]}
    pairs = pairs.with_row_index("place").with_columns(
        cross_half=pl.when(pl.col("place") == 1).then(None).otherwise("cross_half"),
        reason=pl.when(pl.col("place") == 1).then(pl.lit("a half map is constant")),
        shared_tasks=pl.when(pl.col("place") == 2).then(3).otherwise(0),
    )
    figure = draw_correlations(pairs.drop("place"), names, 20, 0.9)
    words = "\n".join(texts(figure))
    row = pairs.row(0, named=True)
    assert f"cross-half {number_text(row['cross_half'])} (" in words and "0.60 at most" in words
    assert "cross-half not known: a half map is constant" in words
    assert "3 tasks in both benchmarks" in words and "90% interval" in words
    drawn = "".join(texts(draw_correlations(pairs.drop("place"), names, 20, 0.9, True)))
    assert "at most" not in drawn and "(cross-half) is not known" in drawn


def test_figures_of_benchmarks_no_longer_in_the_study_are_removed(tmp_path):
    names = [f"{stem}.{kind}" for stem in ("map_a", "marginals") for kind in KINDS]
    others = ["damage_matrix.svg", "planted.png", "notes.txt", "map_of_the_town.pdf"]
    for name in [*names, *others, "map_b.csv", "map_b.csv.meta.json", "contrasts.png"]:
        (tmp_path / name).write_text("")
    plot_influence.remove_earlier(tmp_path, {"map_a", "marginals"})
    assert {path.name for path in tmp_path.iterdir()} == {*names, *others}
