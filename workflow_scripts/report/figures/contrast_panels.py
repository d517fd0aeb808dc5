"""Contrasts: what a region does for the benchmarks of one side beyond those of the other."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.contrasts.contrast_plan import Contrast, named_side
from workflow_scripts.influence.contrasts.leave_out import without
from workflow_scripts.report.figures.grid import (
    Shown,
    colour_scale,
    draw_colour_bar,
    draw_grid,
    grid,
    grid_legend,
)
from workflow_scripts.report.numbers import counted
from workflow_scripts.report.style import (
    FAINT,
    INK,
    PAGE,
    diverging,
    heading,
    new_figure,
    plain_number,
    sentence_figure,
)

COLUMNS = [
    "contrast",
    "axis",
    "topic",
    "format",
    "value",
    "ci_low",
    "ci_high",
    "p_value",
    "q_value",
    "robust_value",
    "loo_low",
    "loo_high",
    "loo_topic",
    "loo_format",
    "n_clusters",
    "confounded",
]
TITLE = "Contrasts: which regions support one side more than the other"
NOTHING = (
    "No contrast can be drawn: it compares bins, and fewer than two of them hold documents and "
    "differ on the maps. Give the corpus documents in more bins."
)
# Inches: the page grows with the contrasts and rows that are drawn; a cell is at most so large.
LEFT, PANEL, SIDE, GAP, RIGHT, NARROW = 1.75, 3.55, 0.85, 0.22, 1.05, 2.2
BOTTOM, GRID_HEIGHT, STRIP, CELL, BAR = 1.45, 4.6, 0.66, (0.45, 0.35), 1.4
HEAD, LINE, BELOW = 1.05, 0.165, 0.7


def draw_contrasts(
    contrasts: pl.DataFrame,
    plans: Sequence[Contrast],
    cells: Mapping[str, Mapping[str, str]],
    confidence: float,
    matrix: bool = False,
) -> Figure:
    """Draw each contrast per bin, with its topic and format means and their intervals.

    Args:
        contrasts: the table ``influence/contrasts``.
        plans: the contrasts of the study.
        cells: benchmark -> title.
        confidence: coverage of the intervals.
        matrix: whether the maps are an existing matrix.
    """
    present = {plan.name: plan for plan in plans if plan.name in contrasts["contrast"].unique()}
    tables = {name: contrasts.filter(contrast=name) for name in present}
    maps = {name: grid(table.filter(axis="bin"), "value") for name, table in tables.items()}
    if not any(np.isfinite(values).any() for values in maps.values()):
        return sentence_figure(TITLE, [NOTHING])
    scale, shown = colour_scale(*maps.values()), Shown.of(*maps.values())
    wide = min(PANEL, max(CELL[0] * len(shown.formats), NARROW))
    high = min(GRID_HEIGHT, CELL[1] * len(shown.topics))
    sides = len(shown.topics) > 1 and len(shown.formats) > 1
    lines = _lines(contrasts, maps, confidence, matrix, shown)
    head = HEAD + LINE * len(lines)
    width = max(PAGE[0], LEFT + len(present) * (wide + SIDE + GAP) + RIGHT)
    strip = STRIP if sides else 0.05
    height = head + strip + max(high + BOTTOM, BAR + BELOW)
    figure, base = new_figure(width, height), height - head - strip - high
    limits = [_side_limit(contrasts.filter(axis=axis)) for axis in ("topic", "format")]
    for number, (name, table) in enumerate(tables.items()):
        left = LEFT + number * (wide + SIDE + GAP)
        axes = _add(figure, left, base, wide, high)
        marked = grid(table.with_columns(found=found()).filter(axis="bin"), "found") == 1
        draw_grid(axes, maps[name], scale.limit, shown, marked, fontsize=7, upright=True)
        if number:
            axes.tick_params(axis="y", labelleft=False)
        if sides:
            above = _add(figure, left, base + high + 0.06, wide, STRIP - 0.06, sharex=axes)
            beside = _add(figure, left + wide + 0.06, base, SIDE - 0.06, high, sharey=axes)
            _intervals(beside, table.filter(axis="topic"), "topic", limits[0], shown)
            _intervals(above, table.filter(axis="format"), "format", limits[1], shown)
            if number:
                above.tick_params(axis="y", labelleft=False)
        _panel_title(figure, (left, base + high + strip), present[name], cells)
        if table["confounded"].any():
            _confounded(figure, (left + wide, base + high + strip))
    right = LEFT + len(present) * (wide + SIDE + GAP) + 0.05
    low = base + high - max(BAR, 0.85 * high)
    bar = _add(figure, right, low, 0.15, max(BAR, 0.7 * high))
    label = "difference of z\n(+ = first side more)"
    draw_colour_bar(bar, scale.limit, label, scale.n_clipped > 0)
    heading(figure, TITLE, lines, top=1 - 0.2 / height, left=0.25 / width)
    _foot(figure, maps, tables, scale.note(), (right, low), matrix)
    return figure


def _lines(
    contrasts: pl.DataFrame,
    maps: Mapping[str, np.ndarray],
    confidence: float,
    matrix: bool,
    shown: Shown,
) -> list[str]:
    """Lines of the heading, about those intervals and marks alone that are drawn."""
    known = np.any([np.isfinite(values) for values in maps.values()], axis=0)
    what = "a value" if matrix else "documents"
    intervals = contrasts["ci_low"].is_not_null().any()
    sides = "Sides: mean over the bins of a topic or format" + (
        f" with {confidence:.0%} intervals. " if intervals else "; a matrix gives no intervals. "
    )
    bins = contrasts.filter(axis="bin")["q_value"].is_not_null().any()
    marks = "Dots and filled points" if bins else "Filled points"
    lines = [
        f"Differences of z over {counted(int(known.sum()), 'bin')} with {what}; positive (red) = "
        "the region supports the first side of the contrast more than the second",
    ]
    if len(shown.topics) > 1 and len(shown.formats) > 1:
        lines.append(
            f"{sides}{marks}: q < {SIGNIFICANT:g}, the false discovery rate over the units of the "
            "axis. Bars across: the mean without the bin that moves it most"
        )
    elif bins:
        lines.append(f"Dots: q < {SIGNIFICANT:g}, the false discovery rate over the bins")
    if not matrix:
        lines.append(
            "Questions are drawn by whole tasks where a benchmark has six or more; with fewer it "
            "stands for these tasks"
        )
    if note := shown.note("values" if matrix else "documents"):
        lines.append(f"Rows and columns {note}")
    return lines


def found() -> pl.Expr:
    """True if a unit stands out, at the false discovery rate that marks bins in the maps too."""
    return (pl.col("q_value") < SIGNIFICANT).fill_null(False)


def _add(
    figure: Figure, left: float, bottom: float, width: float, height: float, **shared: Axes
) -> Axes:
    """Axes at a place given in inches."""
    page_width, page_height = figure.get_size_inches()
    place = (left / page_width, bottom / page_height, width / page_width, height / page_height)
    return figure.add_axes(place, **shared)


def _foot(
    figure: Figure,
    maps: Mapping[str, np.ndarray],
    tables: Mapping[str, pl.DataFrame],
    note: str,
    bar: tuple[float, float],
    matrix: bool,
) -> None:
    """Legend under the scale, and what a reader must know of the colours."""
    width, height = figure.get_size_inches()
    shown = Shown.of(*maps.values())
    full = all(np.isfinite(shown.cut(values)).all() for values in maps.values())
    bins = [table.filter(found(), axis="bin") for table in tables.values()]
    marked = any(table.height for table in bins)
    without = "" if full else "value" if matrix else "documents"
    if entries := grid_legend(f"q < {SIGNIFICANT:g}" if marked else "", without):
        place = ((bar[0] - 0.2) / width, (bar[1] - 0.2) / height)
        figure.legend(handles=entries, loc="upper left", bbox_to_anchor=place, fontsize=7.5)
    look = {"fontsize": 7.5, "color": FAINT, "ha": "right"}
    figure.text(1 - 0.2 / width, 0.12 / height, f"{note}." if note else "", **look)


def _side_limit(units: pl.DataFrame) -> float:
    """Largest interval end of all contrasts, so that their sides compare."""
    ends = units.select(pl.max_horizontal(pl.col("value", "ci_low", "ci_high").abs()).max()).item()
    # Room for half a marker at the ends.
    return 1.15 * ends if ends else 1.0


def _intervals(axes: Axes, units: pl.DataFrame, axis: str, limit: float, shown: Shown) -> None:
    """Draw values with intervals along a map's side; filled where the unit stands out."""
    drawn, labels = (shown.topics, TOPICS) if axis == "topic" else (shown.formats, FORMATS)
    places = {labels[position]: place + 0.5 for place, position in enumerate(drawn)}
    for row in units.with_columns(found=found()).drop_nulls("value").iter_rows(named=True):
        place = places[row[axis]]
        colour = diverging()(0.92 if row["value"] > 0 else 0.08)
        ends = (row["ci_low"], row["ci_high"])
        look = {
            "marker": "o",
            "markersize": 3.6,
            "color": colour,
            "markerfacecolor": colour if row["found"] else "white",
            "markeredgewidth": 0.8,
            "clip_on": False,
        }
        turn = 1 if axis == "topic" else -1  # values run along x beside the map, along y above it
        if None not in ends:
            axes.plot(*(ends, (place, place))[::turn], color=colour, linewidth=1)
        axes.plot(*([row["value"]], [place])[::turn], **look)
        if row["loo_low"] is not None:
            rest = float(without(row["value"], row["loo_low"], row["loo_high"]))
            across = {"marker": "|" if axis == "topic" else "_", "markersize": 5, "color": INK}
            axes.plot(*([rest], [place])[::turn], markeredgewidth=0.7, **across)
    tick = float(f"{limit / 1.5:.1g}")
    axes.tick_params(labelsize=6.5, length=2)
    along = axes.xaxis if axis == "topic" else axes.yaxis
    along.set_major_formatter(plain_number)
    axes.spines[["left", "bottom"]].set_visible(False)
    if axis == "topic":
        axes.set_xlim(-limit, limit)
        axes.set_xticks([-tick, 0, tick])
        axes.axvline(0, color=FAINT, linewidth=0.5)
        axes.tick_params(axis="y", left=False, labelleft=False)
    else:
        axes.set_ylim(-limit, limit)
        axes.set_yticks([-tick, 0, tick])
        axes.axhline(0, color=FAINT, linewidth=0.5)
        axes.tick_params(axis="x", bottom=False, labelbottom=False)


def _panel_title(
    figure: Figure,
    place: tuple[float, float],
    plan: Contrast,
    cells: Mapping[str, Mapping[str, str]],
) -> None:
    """Name the contrast and its sides, above a place in inches."""
    below = " \u2212 ".join(named_side(side, cells) for side in (plan.plus, plan.minus))
    width, height = figure.get_size_inches()
    left, top = place[0] / width, place[1]
    look = {"fontsize": 10, "fontweight": "bold"}
    figure.text(left, (top + 0.27) / height, plan.title, **look)
    figure.text(left, (top + 0.1) / height, below, fontsize=8, color=INK)


def _confounded(figure: Figure, place: tuple[float, float]) -> None:
    """Say above a panel's right end that its sides were not asked alike."""
    width, height = figure.get_size_inches()
    warning = "confounded: sides answer in different forms"
    look = {"fontsize": 7, "color": FAINT, "ha": "right"}
    figure.text(place[0] / width, (place[1] + 0.44) / height, warning, **look)
