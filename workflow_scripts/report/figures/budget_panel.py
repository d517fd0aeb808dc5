"""Error budget of a typical bin, in one bar per benchmark."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from workflow_scripts.report.budget_words import SOURCES, benchmark_rows
from workflow_scripts.report.numbers import number_text
from workflow_scripts.report.style import (
    CATEGORIES,
    FAINT,
    INK,
    PAGE,
    heading,
    new_figure,
    panel_title,
    sentence_figure,
)

TITLE = "What is a bin's number uncertain of?"
COLOURS = {
    "documents": CATEGORIES[0],
    "questions": CATEGORIES[4],
    "projection": CATEGORIES[1],
    "model": CATEGORIES[5],
}
# Inches.
LEFT, RIGHT, TOP, ROW, BOTTOM = 2.2, 3.6, 1.25, 0.55, 0.85


def draw_budget(budget: pl.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Shares of the squared error of each benchmark's bins, by their source.

    Args:
        budget: the rows of benchmarks of the table ``influence/error_budget``.
        titles: benchmark -> its name for people, in the order of the study.
    """
    rows = benchmark_rows(budget)
    if all(row["se_total"] is None for row in rows.values()):
        return sentence_figure(TITLE, ["No bin has two groups of documents, so no error is known."])
    width, height = PAGE[0], TOP + ROW * len(titles) + BOTTOM
    figure = new_figure(width, height)
    place = (LEFT / width, BOTTOM / height, 1 - (LEFT + RIGHT) / width, ROW * len(titles) / height)
    axes = figure.add_axes(place)
    for line, name in enumerate(titles):
        _bar(axes, line, rows[name])
    axes.set_yticks(range(len(titles)), [panel_title(title) for title in titles.values()])
    axes.set_xlim(0, 1)
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of the squared error, mean over bins")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _explain(figure, rows)
    return figure


def _bar(axes: Axes, line: int, row: Mapping) -> None:
    """One benchmark: a part for each source, and a line under what the projection has of them."""
    if row["se_total"] is None:
        axes.text(0.01, line, "no error is known", fontsize=8, va="center", color=FAINT)
        return
    start = 0.0
    for source, colour in COLOURS.items():
        share = row[f"share_{source}"]
        if share is None:
            continue
        axes.barh(line, share, left=start, height=0.5, color=colour)
        if share > 0.08:
            look = {"ha": "center", "va": "center", "fontsize": 8, "color": "white"}
            axes.text(start + share / 2, line, f"{share:.0%}", fontweight="bold", **look)
        start += share
    if row["projection_in_se"] is not None:
        reach = row["projection_in_se"] * (row["share_documents"] + row["share_questions"])
        axes.plot([0, reach], [line + 0.34, line + 0.34], color=CATEGORIES[1], linewidth=2.5)
    words = (
        f"error of a bin: {number_text(row['in_sd'])} of the map's standard deviation\n"
        f"{number_text(row['se_ratio'])} times se"
    )
    axes.text(1.02, line, words, fontsize=8, va="center", color=INK)


def _explain(figure: Figure, rows: Mapping[str, Mapping]) -> None:
    """Heading and legend."""
    height = figure.get_size_inches()[1]
    missing = sorted({row["missing"] for row in rows.values() if row["missing"]})
    lines = [
        "Squared standard error of a bin's influence (se_total), by what would change it: other "
        "documents, other questions, another random projection, another training of the model.",
        "Line under a bar: the part of documents and questions that is error of the projection and "
        "that more projections would make smaller.",
        *(f"Not known, and not in the bars: {text}." for text in missing),
    ]
    heading(figure, TITLE, lines, top=1 - 0.2 / height, left=0.25 / PAGE[0])
    known = [s for s in SOURCES if any(row[f"share_{s}"] is not None for row in rows.values())]
    figure.legend(
        handles=[Patch(color=COLOURS[source], label=SOURCES[source]) for source in known],
        loc="lower left",
        bbox_to_anchor=(LEFT / PAGE[0], 0.0),
        ncols=len(known),
        fontsize=8,
    )
