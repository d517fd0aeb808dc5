"""Figures of retraining: one panel an output, every scorer, the ceiling; the same bytes again."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tests.validation.linear_world import CONTRAST, NAMES, linear_world
from workflow_scripts.common.tables import write_table
from workflow_scripts.report.figures import plot_retraining
from workflow_scripts.report.figures.retraining_panel import draw_halves, draw_scores
from workflow_scripts.validation.retraining.datamodeling import draws_of_subsets, outputs_of
from workflow_scripts.validation.retraining.lds_table import lds_table, predictions

TITLES = {"a": "First", "b": "Second"}
SHOWN = TITLES | {"reasoning": "Contrast: reasoning"}
KINDS = [f"{name}_{kind}" for name in ("scores", "halves") for kind in ("png", "svg", "csv")]


@pytest.fixture(scope="module")
def tables():
    experiment, maps = linear_world()
    outputs = outputs_of(NAMES, [CONTRAST])
    table = lds_table(experiment, maps, outputs, draws_of_subsets(60, 99, 1), 0.95)
    return table, predictions(experiment, maps["trackstar"], outputs)


def test_each_output_has_a_panel_with_every_scorer_and_its_ceiling(tables):
    table, _ = tables
    figure = draw_scores(table, SHOWN)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(panels) == ["First", "Second", "Contrast: reasoning"]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["This study's map", "near", "nothing"]
    rows = table.filter(measure="margin", sum="influence", output="b")
    drawn = [line.get_xdata()[0] for line in panels["Second"].lines if len(line.get_xdata()) == 1]
    assert sorted(drawn) == pytest.approx(sorted(rows["lds"]))
    vertical = [line.get_xdata()[0] for line in panels["Second"].lines[:2]]
    assert vertical == pytest.approx([rows["ceiling"][0], 0])


def test_single_seed_has_no_ceiling_and_a_figure_all_the_same(tables):
    table, _ = tables
    without = table.with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name)
        for name in ("ceiling", "ceiling_low", "ceiling_high", "reliability")
    )
    assert len(draw_scores(without, SHOWN).axes) == 3


def test_half_by_half_figure_has_a_point_a_half_at_its_prediction(tables):
    table, points = tables
    axes = draw_halves(points, table, SHOWN).axes[0]
    rows = points.filter(output="a").sort("predicted")
    assert np.allclose(axes.lines[0].get_xdata(), rows["predicted"])
    assert np.allclose(axes.lines[0].get_ydata(), rows["observed"])
    assert rows.select(pl.col("observed").is_between("observed_low", "observed_high").all()).item()
    score = table.filter(measure="margin", sum="influence", output="a", scorer="trackstar")["lds"]
    assert f"LDS {score[0]:.2f}" in axes.get_title(loc="left")


def test_figures_are_the_same_bytes_on_a_second_run(tables, tmp_path):
    table, points = tables
    write_table(table, tmp_path / "lds.parquet", "validation/lds")
    write_table(points, tmp_path / "points.parquet", "validation/retraining_predictions")
    written = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        paths = {kind: tmp_path / run / kind.replace("_", ".") for kind in KINDS}
        call = SimpleNamespace(
            input=SimpleNamespace(
                lds=tmp_path / "lds.parquet", predictions=tmp_path / "points.parquet"
            ),
            output=SimpleNamespace(**paths),
            params=SimpleNamespace(
                benchmarks=list(TITLES),
                titles=list(TITLES.values()),
                contrasts={"reasoning": "reasoning"},
            ),
        )
        plot_retraining.main(call)
        written.append([paths[kind].read_bytes() for kind in KINDS])
    assert written[0] == written[1]
    assert all(len(content) > 1000 for content in written[0])
