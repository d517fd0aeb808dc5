"""Topic and format marginals: which whole topics and formats support each benchmark."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.common.taxonomy import FORMATS, TOPICS, display_name
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.report.style import (
    FAINT,
    PAGE,
    diverging,
    heading,
    new_figure,
    panel_title,
    sentence_figure,
)

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
    "band_low",
    "band_high",
    "fcr_low",
    "fcr_high",
    "effect",
    "p_value",
    "q_value",
    "rank",
    "p_top1",
    "p_top3",
    "p_top5",
]
# Intervals as they are drawn: name, width of the line, opacity.
INTERVALS = (("band", 0.8, 0.35), ("bins", 0.8, 0.8), ("ci", 2.6, 0.75))
PAPER = "white"
TITLE = "Which topics and formats support each benchmark"
NOTHING = (
    "There is one topic and one format with bins that differ, so neither can be compared with "
    "another: the mean of a map's z is 0."
)
# Inches: the page grows with the benchmarks and units, a panel keeps its size.
LEFT, PANEL, GAP, RIGHT = 1.75, 2.25, 0.14, 0.2
ROW, HEAD, LINE, BETWEEN, BOTTOM = 3.45 / 24, 0.87, 0.165, 0.3, 0.65


def draw_marginals(
    marginals: pl.DataFrame, titles: Mapping[str, str], confidence: float, matrix: bool = False
) -> Figure:
    """Mean z of every topic (above) and format (below), one column of panels a benchmark.

    Units without a value on any map are left out, and a whole axis where a single one is left:
    its mean is that of the map, 0.

    Args:
        marginals: the table ``influence/marginals``.
        titles: benchmark -> its name for people, in the order of the study.
        confidence: coverage of the intervals.
        matrix: whether the maps are an existing matrix.
    """
    axes_drawn = {
        axis: names
        for axis, labels in (("topic", TOPICS), ("format", FORMATS))
        if len(names := _occupied(marginals, axis, labels)) > 1
    }
    if not axes_drawn:
        return sentence_figure(TITLE, [NOTHING])
    width = max(PAGE[0], LEFT + len(titles) * (PANEL + GAP) + RIGHT)
    rows = [ROW * len(names) for names in axes_drawn.values()]
    lines = _lines(marginals, axes_drawn, confidence, matrix)
    top = HEAD + LINE * len(lines)
    height = top + sum(rows) + BETWEEN * (len(rows) - 1) + BOTTOM
    panel = (width - LEFT - RIGHT) / len(titles) - GAP
    figure, bottom, limit = new_figure(width, height), height - top, _limit(marginals)
    for number, (axis, names) in enumerate(axes_drawn.items()):
        bottom -= rows[number] + BETWEEN * (number > 0)
        for column, (name, title) in enumerate(titles.items()):
            left = LEFT + column * (panel + GAP)
            place = (left / width, bottom / height, panel / width, rows[number] / height)
            axes = figure.add_axes(place)
            _units(axes, marginals.filter(benchmark=name, axis=axis), axis, names, limit)
            if number == 0:
                axes.set_title(panel_title(title), fontsize=9.5, fontweight="bold", loc="left")
            if number == len(axes_drawn) - 1:
                axes.set_xlabel("mean z (positive = supports)", fontsize=7.5)
            if column:
                axes.tick_params(axis="y", labelleft=False)
    heading(figure, TITLE, lines, top=1 - 0.2 / height, left=0.25 / width)
    _legend(figure, marginals)
    return figure


def _occupied(marginals: pl.DataFrame, axis: str, labels: tuple[str, ...]) -> list[str]:
    """Topics or formats that have a mean on some map, in their order."""
    known = set(marginals.filter(axis=axis).drop_nulls("z")[axis])
    return [label for label in labels if label in known]


def _limit(marginals: pl.DataFrame) -> float:
    """Common limit of the panels: the largest value or end of an interval."""
    ends = ["z", "ci_low", "ci_high", "band_low", "band_high"]
    largest = marginals.select(pl.max_horizontal(pl.col(ends).abs()).max()).item()
    return 1.06 * largest if largest else 1.0


def _units(axes: Axes, units: pl.DataFrame, axis: str, labels: list[str], limit: float) -> None:
    """One row a topic or format; a unit without documents has none."""
    places = {label: place for place, label in enumerate(labels)}
    for row in units.drop_nulls("z").iter_rows(named=True):
        place, colour = places[row[axis]], diverging()(0.92 if row["z"] > 0 else 0.08)
        for kind, width, strength in INTERVALS:
            ends = [row[f"{kind}_low"], row[f"{kind}_high"]]
            if ends[0] is not None:
                axes.plot(ends, [place, place], color=colour, linewidth=width, alpha=strength)
        called = row["q_value"] is not None and row["q_value"] < SIGNIFICANT
        look = {"markerfacecolor": colour if called else PAPER, "markeredgewidth": 0.9}
        axes.plot([row["z"]], [place], marker="o", markersize=4.2, color=colour, **look)
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


def _lines(
    marginals: pl.DataFrame, axes_drawn: Mapping[str, list[str]], confidence: float, matrix: bool
) -> list[str]:
    """Lines of the heading: the means, their intervals, and what is not drawn."""
    bins = marginals.filter(axis="topic").group_by("benchmark").agg(pl.col("n_bins").sum())
    what = "a value" if matrix else "documents"
    lines = [
        f"Mean of z over the bins with {what} of a topic or format "
        f"({int(bins['n_bins'].max() or 0):,} bins in all); positive (red) = supports.",
        f"Filled: unusual among the units of the axis, not by one bin alone; q < {SIGNIFICANT:g}.",
        f"{confidence:.0%} intervals. Thin: a unit's bins as draws; faint: the band of all units."
        + (" Thick: documents and questions as draws, bins given." if _both(marginals) else ""),
    ]
    parts = []
    for axis, labels in (("topic", TOPICS), ("format", FORMATS)):
        if axis not in axes_drawn:
            parts.append(f"a single {axis}, which has nothing to be compared with, is not drawn")
        elif len(axes_drawn[axis]) < len(labels):
            parts.append(f"{len(axes_drawn[axis])} of {len(labels)} {axis}s have {what}")
    return [*lines, f"{'; '.join(parts).capitalize()}."] if parts else lines


def _both(marginals: pl.DataFrame) -> bool:
    """True if documents and questions gave intervals too."""
    return marginals["ci_low"].null_count() < marginals.height


def _legend(figure: Figure, marginals: pl.DataFrame) -> None:
    width, height = figure.get_size_inches()
    look = {"color": FAINT, "marker": ""}
    entries = [
        Line2D([], [], linewidth=0.8, label="bins as draws", **look),
        Line2D([], [], linewidth=0.8, alpha=0.35, label="band of all units", **look),
    ]
    if _both(marginals):
        entries.append(Line2D([], [], linewidth=2.6, label="documents and questions", **look))
    figure.legend(
        handles=entries,
        loc="upper right",
        bbox_to_anchor=(1 - RIGHT / width, 1 - 0.15 / height),
        fontsize=7.5,
        ncols=len(entries),
    )
