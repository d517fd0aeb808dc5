"""The map of one benchmark: which regions of the corpus support it."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.report.figures.grid import (
    ColourScale,
    Shown,
    draw_colour_bar,
    draw_grid,
    grid,
    grid_legend,
    row_means,
)
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.style import (
    FAINT,
    PAGE,
    diverging,
    heading,
    new_figure,
    sentence_figure,
)

COLUMNS = [
    "benchmark",
    "topic",
    "format",
    "n_docs",
    "influence",
    "ci_low",
    "ci_high",
    "z",
    "rank",
    "q_unusual",
]
# Inches: the page grows with the rows that are drawn; a cell is at most so wide and high.
LEFT, GRID, CELL, STRIP, SIDE, BAR, BOTTOM = 2.05, (7.0, 5.04), (0.75, 0.42), 0.55, 0.88, 1.5, 1.53
HEAD, LINE, BELOW = 0.65, 0.165, 0.7
# Origin of the numbers in the heading: attribution, or an existing matrix.
SOURCES = (
    "Influence: mean cosine of preconditioned gradients of a bin's documents and the "
    "questions' gold answers, standardised over bins (z); positive = supports",
    "Values of an existing matrix of bins, standardised over bins (z); positive = supports",
)


@dataclass(frozen=True)
class BenchmarkFacts:
    """Facts about a benchmark that a figure states.

    Attributes:
        title: its name for people.
        n_queries: questions; None where the map comes from an existing matrix.
        accuracy: share that the base model answers correctly.
        chance: share that guessing answers correctly.
    """

    title: str
    n_queries: int | None = None
    accuracy: float | None = None
    chance: float | None = None


def benchmark_facts(title: str, answers: pl.DataFrame, queries: pl.DataFrame) -> BenchmarkFacts:
    """Facts of a benchmark from its answers (``correct``) and questions (``choices``)."""
    chance = (1 / queries["choices"].list.len()).mean()
    return BenchmarkFacts(title, queries.height, float(answers["correct"].mean()), float(chance))


def draw_map(
    bins: pl.DataFrame, facts: BenchmarkFacts, scale: ColourScale, guessed: bool = False
) -> Figure:
    """Draw one benchmark's map with topic and format means at its sides.

    Rows and columns without any value are left out. Where bins do not differ, or there is one
    alone, nothing can be drawn, and words say so.

    Args:
        bins: 576 rows with the columns ``COLUMNS``; a bin without documents is null.
        facts: what the heading says.
        scale: limits of the colours, in z.
        guessed: whether the model answers no better than by guessing.
    """
    values = grid(bins, "z")
    marked = np.nan_to_num(grid(bins, "q_unusual"), nan=1.0) < SIGNIFICANT
    title, lines = f"{facts.title}: which regions of the corpus support it", _about(facts, guessed)
    if not np.isfinite(values).any():
        return sentence_figure(title, [*lines, _no_map(bins, facts)])
    shown, matrix = Shown.of(values), facts.n_queries is None
    lines = [*_counts(bins, facts, lines), *_tested(int(marked.sum()), matrix, _with_sides(shown))]
    if note := shown.note("values" if matrix else "documents"):
        lines.append(f"Rows and columns {note}")
    width = min(GRID[0], CELL[0] * len(shown.formats))
    height = min(GRID[1], CELL[1] * len(shown.topics))
    head = HEAD + LINE * len(lines)
    strip = STRIP if _with_sides(shown) else 0
    page = head + strip + max(height + BOTTOM, BAR + BELOW)
    figure = new_figure(height=page)
    base = page - head - strip - height
    axes = _add(figure, LEFT, base, width, height)
    draw_grid(axes, values, scale.limit, shown, marked)
    if _with_sides(shown):
        above = _add(figure, LEFT, base + height + 0.05, width, STRIP - 0.05, sharex=axes)
        beside = _add(figure, LEFT + width + 0.07, base, SIDE, height, sharey=axes)
        _side_bars(above, beside, values, shown)
    right, low = LEFT + width + SIDE + 0.6, base + height - max(BAR, 0.84 * height)
    bar = _add(figure, right, low, 0.16, max(BAR, 0.66 * height))
    what = "the matrix's values" if matrix else "mean cosine"
    draw_colour_bar(bar, scale.limit, f"z of {what} over bins\n(+ = supports)", scale.n_clipped > 0)
    heading(figure, title, lines, top=1 - 0.2 / page, left=0.25 / PAGE[0])
    _foot(figure, (right, low), marked.any(), shown.cut(values), matrix, scale)
    return figure


def _add(
    figure: Figure, left: float, bottom: float, width: float, height: float, **shared: Axes
) -> Axes:
    """Axes at a place given in inches."""
    page_width, page_height = figure.get_size_inches()
    place = (left / page_width, bottom / page_height, width / page_width, height / page_height)
    return figure.add_axes(place, **shared)


def _foot(
    figure: Figure,
    bar: tuple[float, float],
    marked: bool,
    values: np.ndarray,
    matrix: bool,
    scale: ColourScale,
) -> None:
    """Legend under the scale, and what a reader must know of the colours."""
    width, height = figure.get_size_inches()
    without = "" if np.isfinite(values).all() else "value" if matrix else "documents"
    if entries := grid_legend(f"q < {SIGNIFICANT:g}" if marked else "", without):
        place = ((bar[0] - 0.25) / width, (bar[1] - 0.2) / height)
        figure.legend(handles=entries, loc="upper left", bbox_to_anchor=place, fontsize=8)
    note = f"{scale.note()}. The scale is the same in all maps of the study."
    look = {"fontsize": 7.5, "color": FAINT, "ha": "right"}
    figure.text(0.985, 0.16 / height, note if scale.note() else "", **look)


def _about(facts: BenchmarkFacts, guessed: bool) -> list[str]:
    """Questions and accuracy, and where the numbers come from."""
    if facts.n_queries is None:
        return [SOURCES[True]]
    known = (
        f"{counted(facts.n_queries, 'question')}; base model answers {facts.accuracy:.0%} "
        f"correctly ({'cannot be told from chance, ' if guessed else 'chance '}{facts.chance:.0%})"
    )
    return [known, SOURCES[False]]


def _counts(bins: pl.DataFrame, facts: BenchmarkFacts, lines: list[str]) -> list[str]:
    """The same with the number of documents and bins in front."""
    filled = bins.drop_nulls("influence")
    documents = "" if filled["n_docs"].has_nulls() else f"{filled['n_docs'].sum():,} documents in "
    first = f"{documents}{filled.height} of {bins.height} bins"
    if facts.n_queries is None:
        return [f"{first}, as the matrix counts them" if documents else first, *lines]
    return [f"{first}, {lines[0]}", *lines[1:]]


def _tested(n_marked: int, matrix: bool, with_sides: bool) -> list[str]:
    """Number of bins that stand out, and the meaning of the bars at the sides."""
    if matrix:
        sides = "; side bars: mean z over bins" if with_sides else ""
        return [f"No errors: they need documents and questions{sides}"]
    sides = "; side bars: mean z over bins with documents" if with_sides else ""
    return [
        f"{counted(n_marked, 'bin')} outside the spread of bins (q < {SIGNIFICANT:g}, "
        f"false discovery rate){sides}"
    ]


def _with_sides(shown: Shown) -> bool:
    """True if means of rows and columns say more than the cells do."""
    return len(shown.topics) > 1 and len(shown.formats) > 1


def _no_map(bins: pl.DataFrame, facts: BenchmarkFacts) -> str:
    """Reason why nothing can be drawn."""
    name = "value" if facts.n_queries is None else "influence"
    filled = bins.drop_nulls("influence")
    if filled.height != 1:
        return (
            f"{counted(filled.height, 'bin')} of {bins.height}, all with the same {name}: none "
            "supports it more than another, so there is no map to draw."
        )
    row = filled.row(0, named=True)
    place = f"{display_name(row['topic'])} \u00d7 {display_name(row['format'])}"
    interval = ""
    if row["ci_low"] is not None:
        ends = (number_text(row[end], 4) for end in ("ci_low", "ci_high"))
        interval = f" (interval {' to '.join(ends)})"
    return (
        f"One bin of {bins.height} has a value, {place}: {name} "
        f"{number_text(row['influence'], 4)}{interval}. There is no other to compare it with, so "
        "it has no z and there is no map to draw."
    )


def _side_bars(columns: Axes, rows: Axes, values: np.ndarray, shown: Shown) -> None:
    """Draw format means above the map and topic means to its right."""
    by_format = row_means(values, axis=0)[shown.formats]
    by_topic = row_means(values, axis=1)[shown.topics]
    known = np.concatenate([by_format, by_topic])
    limit = float(np.abs(known).max()) or 1.0
    colours = diverging()
    look = {"edgecolor": FAINT, "linewidth": 0.3}
    places, fills = np.arange(len(by_format)) + 0.5, colours(0.5 + by_format / (2 * limit))
    columns.bar(places, by_format, width=0.8, color=fills, **look)
    places, fills = np.arange(len(by_topic)) + 0.5, colours(0.5 + by_topic / (2 * limit))
    rows.barh(places, by_topic, height=0.8, color=fills, **look)
    columns.set_ylim(-1.1 * limit, 1.1 * limit)
    rows.set_xlim(-1.1 * limit, 1.1 * limit)
    tick = float(f"{limit:.1g}")
    columns.set_ylabel("mean z", fontsize=7)
    rows.set_xlabel("mean z", fontsize=7)
    columns.set_yticks([-tick, 0, tick])
    rows.set_xticks([-tick, 0, tick])
    for axes in (columns, rows):
        axes.tick_params(labelsize=6.5, length=2)
        axes.spines[["left", "bottom"]].set_visible(False)
    columns.axhline(0, color=FAINT, linewidth=0.5)
    rows.axvline(0, color=FAINT, linewidth=0.5)
    columns.tick_params(axis="x", bottom=False, labelbottom=False)
    rows.tick_params(axis="y", left=False, labelleft=False)
