"""Figures as their rules make them: written, repeatable, with the table beside."""

from types import SimpleNamespace

import polars as pl
import pytest

from tests.report.conftest import TITLES
from tests.support import Named
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.report import plot_contrasts, plot_maps, plot_planted

CELLS = {
    name: {"domain": name.split("_")[0], "capability": name.split("_")[1], "title": title}
    for name, title in TITLES.items()
}


# Two of the four benchmarks are enough to see that each gets its own figure.
DRAWN = ["social_reasoning", "stem_knowledge"]


def maps_call(study, folder):
    place = study.folder / "benchmarks"
    return SimpleNamespace(
        input=Named(
            bins=str(study.bins),
            answers=[str(place / name / "answers.parquet") for name in DRAWN],
            queries=[str(place / name / "queries.parquet") for name in DRAWN],
        ),
        output=SimpleNamespace(
            **{
                kind: [str(folder / f"map_{name}.{kind}") for name in DRAWN]
                for kind in ("png", "svg", "csv")
            }
        ),
        params=SimpleNamespace(benchmarks=DRAWN, titles=[TITLES[name] for name in DRAWN]),
    )


def contrasts_call(study, folder):
    names = {kind: str(folder / f"contrasts.{kind}") for kind in ("png", "svg", "csv")}
    return SimpleNamespace(
        input=SimpleNamespace(contrasts=str(study.contrasts)),
        output=SimpleNamespace(**names),
        params=SimpleNamespace(cells=CELLS, confidence=0.95),
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
    "maps": (plot_maps.main, maps_call, 6),
    "contrasts": (plot_contrasts.main, contrasts_call, 3),
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
    assert len(names) == 13
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
    call = contrasts_call(study, tmp_path)
    call.input.contrasts = str(tmp_path / "one.parquet")
    plot_contrasts.main(call)
    assert (tmp_path / "contrasts.svg").stat().st_size > 20_000


@pytest.mark.parametrize("study", ["full"], indirect=True)
def test_contrasts_without_rows_are_refused_and_nothing_is_left(study, tmp_path):
    none = read_table(study.contrasts, "influence/contrasts").clear()
    write_table(none, tmp_path / "none.parquet", "influence/contrasts")
    call = contrasts_call(study, tmp_path)
    call.input.contrasts = str(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="no contrast"):
        plot_contrasts.main(call)
    assert [path.name for path in tmp_path.iterdir()] == ["none.parquet"]
