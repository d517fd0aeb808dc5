"""Contrasts between domains: what a region does for social benchmarks beyond STEM ones."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.report.grid import (
    colour_scale,
    draw_colour_bar,
    draw_grid,
    grid,
    grid_legend,
)
from workflow_scripts.report.style import FAINT, INK, diverging, heading, new_figure

ORDER = ("reasoning", "knowledge", "difference")
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
    "confounded",
]
# Inches: the page grows with the number of contrasts, a panel keeps its size.
LEFT, PANEL, SIDE, GAP, RIGHT = 1.75, 3.55, 0.85, 0.22, 1.05
HEIGHT, BOTTOM, GRID_HEIGHT, STRIP = 8.27, 1.45, 4.6, 0.6


def draw_contrasts(
    contrasts: pl.DataFrame, cells: Mapping[str, Mapping[str, str]], confidence: float
) -> Figure:
    """Draw each contrast per bin, with its topic and format means and their intervals.

    Args:
        contrasts: the table ``influence/contrasts``.
        cells: benchmark -> title, domain and capability.
        confidence: coverage of the intervals.
    """
    present = [name for name in ORDER if name in contrasts["contrast"].unique()]
    tables = {name: contrasts.filter(contrast=name) for name in present}
    maps = {name: grid(table.filter(axis="bin"), "value") for name, table in tables.items()}
    scale = colour_scale(*maps.values())
    width = LEFT + max(len(present), 1) * (PANEL + SIDE + GAP) + RIGHT
    figure = new_figure(width, HEIGHT)
    limits = [_side_limit(contrasts.filter(axis=axis)) for axis in ("topic", "format")]
    for number, (name, table) in enumerate(tables.items()):
        left = LEFT + number * (PANEL + SIDE + GAP)
        axes = _add(figure, left, BOTTOM, PANEL, GRID_HEIGHT)
        marked = grid(table.with_columns(found=found()).filter(axis="bin"), "found") == 1
        draw_grid(axes, maps[name], scale.limit, marked, fontsize=7, upright=True)
        if number:
            axes.tick_params(axis="y", labelleft=False)
        top = _add(figure, left, BOTTOM + GRID_HEIGHT + 0.06, PANEL, STRIP, sharex=axes)
        side = _add(figure, left + PANEL + 0.06, BOTTOM, SIDE - 0.06, GRID_HEIGHT, sharey=axes)
        _intervals(side, table.filter(axis="topic"), "topic", limits[0])
        _intervals(top, table.filter(axis="format"), "format", limits[1])
        if number:
            top.tick_params(axis="y", labelleft=False)
        _panel_title(top, name, cells, bool(table["confounded"].any()))
    bar = _add(figure, width - RIGHT + 0.22, BOTTOM + 0.9, 0.15, GRID_HEIGHT - 1.4)
    draw_colour_bar(
        bar, scale.limit, "difference of z (positive = social more)", scale.n_clipped > 0
    )
    _finish(figure, maps, tables, confidence, scale.note())
    return figure


def found() -> pl.Expr:
    """Whether a unit stands out, at the false discovery rate that marks bins in the maps too."""
    return (pl.col("q_value") < SIGNIFICANT).fill_null(False)


def _add(
    figure: Figure, left: float, bottom: float, width: float, height: float, **shared: Axes
) -> Axes:
    """Axes at a place given in inches."""
    page_width, page_height = figure.get_size_inches()
    place = (left / page_width, bottom / page_height, width / page_width, height / page_height)
    return figure.add_axes(place, **shared)


def _finish(
    figure: Figure,
    maps: Mapping[str, np.ndarray],
    tables: Mapping[str, pl.DataFrame],
    confidence: float,
    note: str,
) -> None:
    known = np.any([np.isfinite(values) for values in maps.values()], axis=0)
    lines = [
        f"Differences of z over {int(known.sum())} bins with documents; positive (red) = the "
        "region supports the social benchmark more than the STEM benchmark of the same capability",
        f"Sides: mean over the bins of a topic or format with {confidence:.0%} intervals. "
        f"Dots and filled points: q < {SIGNIFICANT:g}, the false discovery rate over the units "
        "of the axis",
    ]
    width, height = figure.get_size_inches()
    title = "Social against STEM: which regions tell the domains apart"
    heading(figure, title, lines, top=1 - 0.2 / height, left=0.25 / width)
    bins = [table.filter(found(), axis="bin") for table in tables.values()]
    marked = any(table.height for table in bins)
    entries = grid_legend(f"q < {SIGNIFICANT:g}" if marked else "", not known.all())
    if entries:
        figure.legend(
            handles=entries,
            loc="lower right",
            bbox_to_anchor=(1 - 0.05 / width, BOTTOM / height),
            fontsize=7.5,
        )
    figure.text(
        1 - 0.2 / width,
        0.12 / height,
        f"{note}." if note else "",
        fontsize=7.5,
        color=FAINT,
        ha="right",
    )


def _side_limit(units: pl.DataFrame) -> float:
    """Largest interval end of all contrasts, so that their sides compare."""
    ends = units.select(pl.max_horizontal(pl.col("value", "ci_low", "ci_high").abs()).max()).item()
    return 1.08 * ends if ends else 1.0


def _intervals(axes: Axes, units: pl.DataFrame, axis: str, limit: float) -> None:
    """Draw values with intervals along a map's side; filled where the unit stands out."""
    labels = TOPICS if axis == "topic" else FORMATS
    for row in units.with_columns(found=found()).drop_nulls("value").iter_rows(named=True):
        place = labels.index(row[axis]) + 0.5
        colour = diverging()(0.92 if row["value"] > 0 else 0.08)
        ends = (row["ci_low"], row["ci_high"])
        look = {
            "marker": "o",
            "markersize": 3.6,
            "color": colour,
            "markerfacecolor": colour if row["found"] else "white",
            "markeredgewidth": 0.8,
        }
        if axis == "topic":
            if None not in ends:
                axes.plot(ends, (place, place), color=colour, linewidth=1)
            axes.plot([row["value"]], [place], **look)
        else:
            if None not in ends:
                axes.plot((place, place), ends, color=colour, linewidth=1)
            axes.plot([place], [row["value"]], **look)
    tick = float(f"{limit / 1.5:.1g}")
    axes.tick_params(labelsize=6.5, length=2)
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
    axes: Axes, name: str, cells: Mapping[str, Mapping[str, str]], confounded: bool
) -> None:
    """Name the contrast and the benchmarks on its sides."""

    def side(domain: str) -> str:
        titles = [
            cell["title"]
            for cell in cells.values()
            if (cell["domain"], cell["capability"]) == (domain, name)
        ]
        return titles[0] if len(titles) == 1 else f"mean of {len(titles)} {domain} benchmarks"

    below = "reasoning \u2212 knowledge"
    if name != "difference":
        below = f"{side('social')} \u2212 {side('stem')}"
    axes.text(0, 1.42, name.capitalize(), transform=axes.transAxes, fontsize=10, fontweight="bold")
    axes.text(0, 1.16, below, transform=axes.transAxes, fontsize=8, color=INK)
    if confounded:
        warning = "confounded: sides answer in different forms"
        axes.text(1, 1.42, warning, transform=axes.transAxes, fontsize=7, color=FAINT, ha="right")
