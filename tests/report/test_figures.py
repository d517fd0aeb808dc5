"""Figures as their rules make them: written, repeatable, with the table beside."""

from types import SimpleNamespace

import polars as pl
import pytest

from tests.report.conftest import DRAWN, TITLES
from tests.support import Named
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.report import plot_influence, plot_planted

CELLS = {
    name: {"domain": name.split("_")[0], "capability": name.split("_")[1], "title": title}
    for name, title in TITLES.items()
}


KINDS = ("png", "svg", "csv")


def influence_call(
    study, folder, figures=("contrasts", "marginals", "correlations", "reliability")
):
    place = study.folder / "benchmarks"
    maps = {f"map_{kind}": [str(folder / f"map_{name}.{kind}") for name in DRAWN] for kind in KINDS}
    others = {
        f"{name}_{kind}": str(folder / f"{name}.{kind}") for name in figures for kind in KINDS
    }
    return SimpleNamespace(
        input=Named(
            bins=str(study.bins),
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
            confidence=0.95,
        ),
    )


def planted_call(study, folder):
    return SimpleNamespace(
        input=SimpleNamespace(
            truth=str(study.truth), bins=str(study.bins), planted=str(study.planted)
        ),
        output=SimpleNamespace(
            png=str(folder / "planted.png"),
            svg=str(folder / "planted.svg"),
            bins_csv=str(folder / "planted_bins.csv"),
            scorers_csv=str(folder / "planted_scorers.csv"),
        ),
        params=SimpleNamespace(benchmarks=list(TITLES), titles=list(TITLES.values())),
    )


CALLS = {
    "influence": (plot_influence.main, influence_call, 18),
    "planted": (plot_planted.main, planted_call, 4),
}


@pytest.fixture(scope="module")
def figures(study):
    """Folder with all figures of a study."""
    for main, call, _ in CALLS.values():
        main(call(study, study.figures))
    return study.figures


def test_every_figure_is_written_with_its_table(study, figures):
    names = sorted(path.name for path in figures.iterdir())
    assert len(names) == 22
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


@pytest.mark.parametrize("study", ["full"], indirect=True)
def test_a_study_with_one_contrast_gets_one_panel(study, tmp_path):
    one = read_table(study.contrasts, "influence/contrasts").filter(contrast="reasoning")
    write_table(one, tmp_path / "one.parquet", "influence/contrasts")
    call = influence_call(study, tmp_path, ["contrasts"])
    call.input.contrasts = str(tmp_path / "one.parquet")
    plot_influence.main(call)
    assert (tmp_path / "contrasts.svg").stat().st_size > 20_000


@pytest.mark.parametrize("study", ["full"], indirect=True)
def test_contrasts_without_rows_are_refused_and_nothing_is_left(study, tmp_path):
    none = read_table(study.contrasts, "influence/contrasts").clear()
    write_table(none, tmp_path / "none.parquet", "influence/contrasts")
    call = influence_call(study, tmp_path, ["contrasts"])
    call.input.contrasts = str(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="no contrast"):
        plot_influence.main(call)
    assert not list(tmp_path.glob("contrasts.*"))


def test_a_map_of_an_existing_matrix_is_drawn_without_answers_or_questions(study, tmp_path):
    call = influence_call(study, tmp_path, ["correlations"])
    del call.input.answers, call.input.queries
    plot_influence.main(call)
    text = (tmp_path / f"map_{DRAWN[0]}.svg").read_text()
    assert "Values of an existing matrix" in text and "correctly" not in text
