"""Figure of the rates in worlds that can break the statistics: a line a world and statistic."""

import textwrap
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.files import atomic_path
from workflow_scripts.report.style import FAINT, style
from workflow_scripts.simulation.world_table import bounds, read_worlds

COLOURS = {"yes": "#2f6db3", "conservative": "#2a9d8f", "no": "#c44e52"}
BAND = "#e3ecd9"
MOST_LETTERS = 90
ROW_INCHES, LABEL_INCHES = 0.17, 4.6
# A hundred lines of small text: at the dots of the other figures 0.8 MB.
DPI = 100
PANELS = (
    ("False calls: share of maps, or of calls, that are false", pl.col("nominal") < 0.5),
    ("Intervals that hold the truth", pl.col("nominal") >= 0.5),
)


def worst(table: pl.DataFrame) -> pl.DataFrame:
    """The row of each world and statistic in which it holds least; none without a nominal rate."""
    distance = (
        pl.when(pl.col("nominal") < 0.5)
        .then(pl.col("rate") - pl.col("nominal"))
        .otherwise(pl.col("nominal") - pl.col("rate"))
    )
    known = table.filter(pl.col("nominal").is_not_null(), pl.col("rate").is_not_nan())
    keys = ["module", "world", "statistic"]
    rows = known.with_row_index().sort(distance, descending=True, maintain_order=True)
    return rows.unique(keys, keep="first", maintain_order=True).sort("index").drop("index")


def draw_worlds(folder: Path) -> None:
    """Write worlds.png beside worlds.csv."""
    table = worst(read_worlds(folder / "worlds.csv"))
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
            "worst rate over settings; bars are 95% by Monte Carlo. Green: where a rate holds "
            "(8% for 5%, 92 to 97% for 95%);\ntick: nominal; blue: holds; teal: wider than need "
            "be; red: does not hold",
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
        low, high = bounds(row["nominal"])
        axis.barh(place, high - low, left=low, height=1, color=BAND, zorder=0)
        axis.plot([row["nominal"]] * 2, [place - 0.4, place + 0.4], color=FAINT, lw=1)
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
    if rows["nominal"][0] < 0.5:
        return -0.01, max(0.2, 1.15 * high)
    return max(0.0, min(0.85, low) - 0.03), 1.01
