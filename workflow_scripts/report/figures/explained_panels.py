"""Panels of the share of each map that simpler scorers explain, and of their agreement."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from workflow_scripts.validation.scorers import BY_NAME, TOGETHER, in_order, label_of

TITLE = "Would a simpler scorer give the same maps?"
NOTHING = (
    "No other scorer was run (validation.scorers and the controls are empty), or none could be "
    "compared: that needs at least three bins with documents."
)
# Kinds of scorers by what they see, and colours, in the order of the figure; unknown names come
# last.
COLOURS = {"texts": CATEGORIES[0], "gradients": CATEGORIES[5], "control": FAINT, "unknown": INK}
# Column of the table with its interval, the axis' label and its lowest value.
MEASURES = (
    ("r2_adjusted", "r2_low", "r2_high", "share of variance (adjusted R\u00b2)", 0.0),
    ("spearman", "spearman_low", "spearman_high", "rank correlation (Spearman)", -1.0),
)
# Inches: the page grows with the benchmarks and scorers, a panel keeps its size.
LEFT, PANEL, GAP, RIGHT = 1.75, 2.25, 0.2, 0.2
ROW, TOP, BETWEEN, BOTTOM = 0.225, 1.4, 0.6, 0.55


def kind_of(name: str) -> str:
    """The key of ``COLOURS`` that says what a scorer sees."""
    kind = BY_NAME[name].kind if name in BY_NAME else ""
    return kind if kind in COLOURS else "unknown"


def draw_explained(explained: pl.DataFrame, titles: Mapping[str, str], confidence: float) -> Figure:
    """Explained variance (above) and rank correlation (below), a column a benchmark.

    Args:
        explained: the table ``validation/explained``.
        titles: benchmark -> its name for people, in the order of the study.
        confidence: coverage of the intervals.
    """
    if explained.is_empty():
        return sentence_figure(TITLE, [NOTHING])
    kinds, names = list(COLOURS), in_order(explained["scorer"].unique())
    scorers = sorted(names, key=lambda name: kinds.index(kind_of(name)))
    width = max(PAGE[0], LEFT + len(titles) * (PANEL + GAP) + RIGHT)
    panel = (width - LEFT - RIGHT) / len(titles) - GAP
    rows = ROW * len(scorers)
    height = TOP + 2 * rows + BETWEEN + BOTTOM
    figure = new_figure(width, height)
    for line, measure in enumerate(MEASURES):
        bottom = BOTTOM + (1 - line) * (rows + BETWEEN)
        for column, (name, title) in enumerate(titles.items()):
            left = LEFT + column * (panel + GAP)
            place = (left / width, bottom / height, panel / width, rows / height)
            axes = figure.add_axes(place)
            _scorers(axes, explained.filter(benchmark=name), scorers, measure)
            if line == 0:
                axes.set_title(panel_title(title), fontsize=9.5, fontweight="bold", loc="left")
            if column:
                axes.tick_params(axis="y", labelleft=False)
    _explain(figure, explained, confidence)
    return figure


def _scorers(
    axes: Axes,
    rows: pl.DataFrame,
    scorers: list[str],
    measure: tuple[str, str, str, str, float],
) -> None:
    """One benchmark and measure: a point with its interval per scorer."""
    column, low, high, label, lowest = measure
    by_scorer = {row["scorer"]: row for row in rows.iter_rows(named=True)}
    colours = {name: COLOURS[kind_of(name)] for name in scorers}
    for place, name in enumerate(scorers):
        row: Mapping[str, Any] = by_scorer.get(name, {})
        if row.get(column) is None:
            several = name in TOGETHER and column == "spearman"
            axes.text(0, place, "  several" if several else "  none", **_SMALL)
            continue
        if row[low] is not None:
            ends = [max(row[low], lowest), max(row[high], lowest)]
            axes.plot(ends, [place, place], color=colours[name], linewidth=1.6)
        at = max(row[column], lowest)
        look = {"marker": "D" if name in TOGETHER else "o", "color": colours[name]}
        axes.plot([at], [place], markersize=4.5, clip_on=False, **look)
        text = number_text(row[column])
        axes.text(_END[lowest], place, text, fontsize=7, va="center", ha="right", color=INK)
    _rule_off(axes, scorers)
    axes.set_xlim(lowest - 0.02, _END[lowest])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1] if lowest == 0 else [-1, -0.5, 0, 0.5, 1])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))
    axes.set_xlabel(label, fontsize=7.5)
    axes.set_yticks(range(len(scorers)), [label_of(name) for name in scorers], fontsize=8)


# End of an axis by its beginning: past 1 is the room for the numbers.
_END = {0.0: 1.22, -1.0: 1.42}
_SMALL = {"fontsize": 6.5, "va": "center", "color": FAINT}


def _rule_off(axes: Axes, scorers: list[str]) -> None:
    """Lines between the kinds of scorers, and the look of the axes."""
    for edge in range(1, len(scorers)):
        new = kind_of(scorers[edge]) != kind_of(scorers[edge - 1])
        look = {"color": FAINT, "linewidth": 0.8} if new else {"color": "#efefef", "linewidth": 0.5}
        axes.axhline(edge - 0.5, zorder=0, **look)
    axes.axvline(0, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
    axes.set_ylim(max(len(scorers), 1) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7, length=2)
    axes.spines["left"].set_visible(False)


def _explain(figure: Figure, explained: pl.DataFrame, confidence: float) -> None:
    lines = [
        f"{explained['n_bins'].max() or 0:,} bins with documents. Above: least squares over the "
        "bins, 0 = explains nothing (values below 0 are drawn at 0); diamonds: several scorers in "
        "one fit.",
        "Below: agreement of the two maps. Blue: texts and no gradients; orange: gradients of the "
        "study's model and of an untrained one (all together: with texts); grey: controls.",
        f"Lines: {confidence:.0%} intervals, topics and formats drawn anew. Where a few bins carry "
        "a map they are wide: a draw may hold those bins often or not at all.",
    ]
    width, height = figure.get_size_inches()
    heading(figure, TITLE, lines, top=1 - 0.2 / height, left=0.25 / width)
