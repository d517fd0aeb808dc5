"""Studies of any shape: one bin, topic, format or benchmark leave no empty or hatched figure."""

import polars as pl
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.text import Text

from tests.report.conftest import (
    DRAWN,
    TITLES,
    make_bins,
    make_contrasts,
    make_correlations,
    make_marginals,
    make_reliability,
    make_words,
)
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.report.figures.agreement_panels import draw_correlations, draw_reliability
from workflow_scripts.report.figures.capability_map import BenchmarkFacts, draw_map
from workflow_scripts.report.figures.contrast_panels import draw_contrasts
from workflow_scripts.report.figures.grid import colour_scale, grid
from workflow_scripts.report.figures.lexical_panels import compared, draw_words
from workflow_scripts.report.figures.marginal_panels import draw_marginals
from workflow_scripts.report.style import style
from workflow_scripts.validation.baselines.explained import explained_table

NAMES = {name: TITLES[name] for name in DRAWN}
CELLS = {
    name: {"domain": name.split("_")[0], "capability": name.split("_")[1], "title": title}
    for name, title in TITLES.items()
}
# Bins that hold documents, and rows and columns of the grid that they fill.
SHAPES = {
    "one bin": ([30], (1, 1)),
    "one topic": (range(48, 53), (1, 5)),
    "one format": (range(3, 150, 24), (7, 1)),
    "8 x 8": ([24 * row + column for row in range(8) for column in range(8)], (8, 8)),
}


def words_of(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))


def maps_of(figure):
    """Rows and columns of the maps in a figure, and whether some cell is empty."""
    meshes = [mesh for axes in figure.axes for mesh in axes.collections]
    meshes = [mesh for mesh in meshes if isinstance(mesh, QuadMesh)]
    shapes = [mesh.get_coordinates().shape for mesh in meshes]
    # The colour bar is a mesh of one column of colours.
    return [(rows - 1, columns - 1) for rows, columns, _ in shapes if rows < 200]


@pytest.mark.parametrize("shape", SHAPES)
def test_maps_draw_the_occupied_rows_and_columns_alone(shape):
    filled, size = SHAPES[shape]
    bins = make_bins(filled).filter(benchmark=DRAWN[0])
    facts = BenchmarkFacts("A title", 30, 0.9, 0.25)
    with style():
        figure = draw_map(bins, facts, colour_scale(grid(bins, "z")))
        plans = plan_contrasts(CELLS)
        contrasts = draw_contrasts(make_contrasts(set(filled)), plans, CELLS, 0.95)
    if shape == "one bin":
        assert not figure.axes and "There is no other to compare it with" in words_of(figure)
    else:
        assert maps_of(figure) == [size]
        rows, columns = size
        assert f"{rows} of 24 topics and {columns} of 24 formats" in words_of(figure)
    assert maps_of(contrasts) == [size] * 3
    for axes in (*figure.axes, *contrasts.axes):
        assert not axes.patch.get_hatch()


@pytest.mark.parametrize("shape", SHAPES)
def test_marginals_of_a_single_topic_or_format_are_not_drawn(shape):
    filled, (rows, columns) = SHAPES[shape]
    bins = make_bins(filled)
    with style():
        figure = draw_marginals(make_marginals(bins, DRAWN), NAMES, 0.95)
    panels = len(DRAWN) * ((rows > 1) + (columns > 1))
    assert len(figure.axes) == panels
    ticks = [len(axes.get_yticks()) for axes in figure.axes]
    assert set(ticks) <= {rows, columns} - {1}
    if not panels:
        assert "neither can be compared" in words_of(figure)


def test_figures_without_a_number_are_a_sentence():
    bins = make_bins([30])
    none = make_reliability(1).with_columns(
        corrected=pl.lit(None, pl.Float64), reason=pl.lit("one bin")
    )
    alone = make_words(1).with_columns(
        n_docs=pl.when(pl.col("group") == "rest").then(0).otherwise("n_docs")
    )
    alone = alone.filter(~pl.col("group").is_in(["interactional", "expository"]))
    with style():
        figures = [
            draw_correlations(make_correlations(bins), NAMES, 1, 0.95),
            draw_reliability(none, NAMES, 0.95),
            draw_words(compared(alone), NAMES, 0.95),
        ]
    for figure, words in zip(
        figures, ("No two maps", "not known (one bin)", "No two groups"), strict=True
    ):
        assert not figure.axes and words in words_of(figure)


def test_maps_that_share_fewer_than_three_bins_leave_an_empty_table_with_all_columns(tmp_path):
    own = make_bins([30])
    columns = ["benchmark", "topic", "format", "influence"]
    table = explained_table(own.select(columns), {"tfidf": own.select(columns)}, 0.95, 9, 1)
    write_table(table, tmp_path / "explained.parquet", "validation/explained")
    assert read_table(tmp_path / "explained.parquet", "validation/explained").is_empty()
