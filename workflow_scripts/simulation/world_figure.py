"""Figure of the rates in worlds that can break the statistics: a line for each row of the table."""

import textwrap
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.files import atomic_path
from workflow_scripts.report.style import DPI, FAINT, style
from workflow_scripts.simulation.world_table import bounds, read_worlds

COLOURS = {"yes": "#2f6db3", "conservative": "#2a9d8f", "no": "#c44e52", None: "#777777"}
BAND = "#e3ecd9"
MOST_LETTERS = 90
ROW_INCHES, LABEL_INCHES = 0.17, 4.6
PANELS = (
    ("False calls: share of maps, or of calls, that are false", pl.col("nominal") < 0.5),
    ("Intervals that hold the truth", pl.col("nominal") >= 0.5),
    ("Told without a nominal rate", pl.col("nominal").is_null()),
)


def draw_worlds(folder: Path) -> None:
    """Write worlds.png beside worlds.csv."""
    table = read_worlds(folder / "worlds.csv")
    panels = [(title, table.filter(rows)) for title, rows in PANELS]
    panels = [(title, rows) for title, rows in panels if rows.height]
    heights = [rows.height + 2.5 for _, rows in panels]
    with style():
        size = (LABEL_INCHES + 4.2, ROW_INCHES * sum(heights) + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, (title, rows) in zip(axes, panels, strict=True):
            _panel(axis, title, rows)
        figure.supxlabel(
            "rate; bars are 95% by Monte Carlo. Green: where a rate holds (8% for 5%, 92 to 97% "
            "for 95%); tick: nominal; blue: holds; teal: wider than need be; red: does not hold",
            fontsize=6.5,
        )
        with atomic_path(folder / "worlds.png") as temporary:
            figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def _panel(axis: Axes, title: str, rows: pl.DataFrame) -> None:
    """One kind of rate: a point a row, grouped by world."""
    labels, before = [], None
    for place, row in enumerate(rows.iter_rows(named=True)):
        if before not in (None, row["world"]):
            axis.axhline(place - 0.5, color=FAINT, lw=0.5)
        before = row["world"]
        label = f"{row['world']}: {row['statistic']}, {row['setting']}"
        labels.append(textwrap.shorten(label, MOST_LETTERS, placeholder=" ..."))
        if row["nominal"] is not None:
            low, high = bounds(row["nominal"])
            axis.barh(place, high - low, left=low, height=1, color=BAND, zorder=0)
            axis.plot([row["nominal"]] * 2, [place - 0.4, place + 0.4], color=FAINT, lw=1)
        if row["rate"] is None:
            continue
        colour = COLOURS[row["held"]]
        error = 1.96 * (row["rate_se"] or 0.0)
        axis.errorbar(row["rate"], place, xerr=error, fmt="o", ms=3.5, lw=1, color=colour)
    axis.set_yticks(range(len(labels)), labels, fontsize=6.5)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.set_xlim(*_limits(rows))
    axis.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axis.tick_params(axis="y", length=0)
    axis.set_title(title, fontsize=8, loc="left")


def _limits(rows: pl.DataFrame) -> tuple[float, float]:
    """Of the axis: false calls from 0, intervals below their bounds, others as they come."""
    low, high = float(rows["rate"].min() or 0.0), float(rows["rate"].max() or 0.0)
    nominal = rows["nominal"][0]
    if nominal is None:
        return min(0.0, low) - 0.02, max(1.0, high) + 0.02
    if nominal < 0.5:
        return -0.01, max(0.2, 1.15 * high)
    return max(0.0, min(0.85, low) - 0.03), 1.01
