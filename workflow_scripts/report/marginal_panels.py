"""Topic and format marginals: which whole topics and formats support each benchmark."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.common.taxonomy import FORMATS, TOPICS, display_name
from workflow_scripts.report.style import FAINT, PAGE, diverging, heading, new_figure, panel_title

COLUMNS = [
    "benchmark",
    "axis",
    "topic",
    "format",
    "n_bins",
    "n_docs",
    "z",
    "ci_low",
    "ci_high",
    "bins_low",
    "bins_high",
    "rank",
]
# Inches: the page grows with the number of benchmarks, a panel keeps its size.
LEFT, PANEL, GAP, RIGHT = 1.75, 2.25, 0.14, 0.2
ROWS, TOP, BETWEEN, BOTTOM = 3.45, 1.2, 0.3, 0.65


def draw_marginals(marginals: pl.DataFrame, titles: Mapping[str, str], confidence: float) -> Figure:
    """Mean z of every topic (above) and format (below), one column of panels a benchmark.

    Args:
        marginals: the table ``influence/marginals``.
        titles: benchmark -> its name for people, in the order of the study.
        confidence: coverage of the intervals.
    """
    width = max(PAGE[0], LEFT + len(titles) * (PANEL + GAP) + RIGHT)
    height = TOP + 2 * ROWS + BETWEEN + BOTTOM
    panel = (width - LEFT - RIGHT) / len(titles) - GAP
    figure = new_figure(width, height)
    limit = _limit(marginals)
    for row, (axis, labels) in enumerate((("topic", TOPICS), ("format", FORMATS))):
        bottom = BOTTOM + (1 - row) * (ROWS + BETWEEN)
        for column, (name, title) in enumerate(titles.items()):
            left = LEFT + column * (panel + GAP)
            place = (left / width, bottom / height, panel / width, ROWS / height)
            axes = figure.add_axes(place)
            _units(axes, marginals.filter(benchmark=name, axis=axis), axis, labels, limit)
            if row == 0:
                axes.set_title(panel_title(title), fontsize=9.5, fontweight="bold", loc="left")
            else:
                axes.set_xlabel("mean z (positive = supports)", fontsize=7.5)
            if column:
                axes.tick_params(axis="y", labelleft=False)
    _explain(figure, marginals, confidence)
    return figure


def _limit(marginals: pl.DataFrame) -> float:
    """Where all panels end: the largest value or end of an interval."""
    ends = ["z", "ci_low", "ci_high", "bins_low", "bins_high"]
    largest = marginals.select(pl.max_horizontal(pl.col(ends).abs()).max()).item()
    return 1.06 * largest if largest else 1.0


def _units(
    axes: Axes, units: pl.DataFrame, axis: str, labels: tuple[str, ...], limit: float
) -> None:
    """One row a topic or format; a unit without documents has none."""
    places = {label: place for place, label in enumerate(labels)}
    for row in units.drop_nulls("z").iter_rows(named=True):
        place, colour = places[row[axis]], diverging()(0.92 if row["z"] > 0 else 0.08)
        for low, high, width in (("bins_low", "bins_high", 0.8), ("ci_low", "ci_high", 2.6)):
            if row[low] is not None:
                ends = [row[low], row[high]]
                axes.plot(ends, [place, place], color=colour, linewidth=width, alpha=0.75)
        axes.plot([row["z"]], [place], marker="o", markersize=4, color=colour)
    for edge in np.arange(0.5, len(labels) - 1):
        axes.axhline(edge, color="#efefef", linewidth=0.5, zorder=0)
    axes.axvline(0, color=FAINT, linewidth=0.6)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(range(len(labels)), [display_name(label) for label in labels], fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7, length=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))
    axes.spines["left"].set_visible(False)


def _explain(figure: Figure, marginals: pl.DataFrame, confidence: float) -> None:
    bins = marginals.filter(axis="topic").group_by("benchmark").agg(pl.col("n_bins").sum())
    several = marginals["ci_low"].null_count() < marginals.height
    lines = [
        f"Mean of z over the bins with documents of a topic or format "
        f"({int(bins['n_bins'].max() or 0):,} bins in all); positive (red) = supports.",
        "Thin line: the unit's bins as draws; it asks whether the unit as such differs from 0"
        + ("." if not several else ". Thick line: documents and questions as draws, bins given.")
        + f" {confidence:.0%} intervals.",
    ]
    width, height = figure.get_size_inches()
    title = "Which topics and formats support each benchmark"
    heading(figure, title, lines, top=1 - 0.2 / height, left=0.25 / width)
    look = {"color": FAINT, "marker": ""}
    entries = [Line2D([], [], linewidth=0.8, label="bins as draws", **look)]
    if several:
        entries.append(Line2D([], [], linewidth=2.6, label="documents and questions", **look))
    figure.legend(
        handles=entries,
        loc="upper right",
        bbox_to_anchor=(1 - RIGHT / width, 1 - 0.15 / height),
        fontsize=7.5,
        ncols=len(entries),
    )
