"""The 24 x 24 grid of bins as a signed heat map."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS, bin_index, display_name
from workflow_scripts.report.numbers import counted
from workflow_scripts.report.style import EMPTY, EMPTY_HATCH, FAINT, INK, diverging

# The largest value sets the colours unless it is this many times a map's third largest.
CLIP_FACTOR = 1.5


@dataclass(frozen=True)
class ColourScale:
    """Symmetric limits of a signed map.

    Attributes:
        limit: colours run from -limit to limit.
        n_clipped: values beyond them, drawn in the last colour.
        largest: largest absolute value.
    """

    limit: float
    n_clipped: int
    largest: float

    def note(self) -> str:
        """Note on clipped bins; empty without any."""
        if not self.n_clipped:
            return ""
        return (
            f"Colours end at \u00b1{self.limit:.1f}; {counted(self.n_clipped, 'bin')} of all "
            f"maps beyond, up to {self.largest:.1f} in size"
        )


def grid(frame: pl.DataFrame, column: str) -> np.ndarray:
    """Values of a bin table as (24 topics, 24 formats) float64; NaN where null or absent."""
    values = np.full(len(BINS), np.nan)
    for topic, format_, value in frame.select("topic", "format", column).iter_rows():
        values[bin_index(topic, format_)] = np.nan if value is None else value
    return values.reshape(len(TOPICS), len(FORMATS))


def colour_scale(*grids: np.ndarray) -> ColourScale:
    """Limits that show the bulk of the values even where one bin dwarfs all others.

    The limit is the largest absolute value of all maps, unless that exceeds every map's third
    largest (the second largest of a map with fewer than 100 values) by half: then it is the
    greatest of those, and the one or two bins of a map beyond it share the last colour.

    Args:
        grids: maps that share the scale; NaN entries are left out.
    """
    sizes = [np.sort(np.abs(values[np.isfinite(values)]))[::-1] for values in grids]
    sizes = [values for values in sizes if values.size]
    largest = max((float(values[0]) for values in sizes), default=0.0)
    if largest == 0:
        return ColourScale(1.0, 0, 0.0)
    usual = max(float(values[min(len(values) - 1, 1 + (len(values) >= 100))]) for values in sizes)
    limit = largest if usual == 0 or largest <= CLIP_FACTOR * usual else usual
    return ColourScale(limit, sum(int((values > limit).sum()) for values in sizes), largest)


def row_means(values: np.ndarray, axis: int) -> np.ndarray:
    """(24,) mean over the bins that have a value; NaN where none has."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


@dataclass(frozen=True)
class Shown:
    """Rows and columns of the grid that are drawn: those in which some bin has a value.

    Attributes:
        topics: their positions among the topics.
        formats: their positions among the formats.
    """

    topics: list[int]
    formats: list[int]

    @classmethod
    def of(cls, *grids: np.ndarray) -> "Shown":
        """Rows and columns in which any of these maps has a value; all where none has one."""
        known = np.any([np.isfinite(values) for values in grids], axis=0)
        if not known.any():
            known[:] = True
        rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
        return cls(rows.tolist(), columns.tolist())

    def cut(self, values: np.ndarray) -> np.ndarray:
        """Part of a (24, 24) array that is drawn."""
        return values[np.ix_(self.topics, self.formats)]

    def note(self, what: str = "documents") -> str:
        """Note on the part of the grid that is drawn; empty where all of it is."""
        axes = ((self.topics, TOPICS, "topic"), (self.formats, FORMATS, "format"))
        parts = [
            f"{len(drawn)} of {counted(len(labels), name)}"
            for drawn, labels, name in axes
            if len(drawn) < len(labels)
        ]
        return f"drawn: {' and '.join(parts)}; the others have no {what}" if parts else ""


def draw_grid(
    axes: Axes,
    values: np.ndarray,
    limit: float,
    shown: Shown,
    marked: np.ndarray | None = None,
    fontsize: float = 8,
    upright: bool = False,
) -> None:
    """Draw one map: rows are topics, columns formats, bins without a value grey and hatched.

    Args:
        axes: where.
        values: (24, 24) float; NaN for a bin without a value.
        limit: colours run from -limit to limit.
        shown: the rows and columns that are drawn.
        marked: (24, 24) bool; bins that get a dot.
        fontsize: of the labels.
        upright: turn the format labels by 90 degrees, for narrow columns, not by 45.
    """
    values = shown.cut(values)
    sns.heatmap(
        values,
        ax=axes,
        mask=~np.isfinite(values),
        cmap=diverging(),
        vmin=-limit,
        vmax=limit,
        center=0,
        cbar=False,
        linewidths=0.4,
        linecolor="white",
        xticklabels=[display_name(FORMATS[place]) for place in shown.formats],
        yticklabels=[display_name(TOPICS[place]) for place in shown.topics],
    )
    if not np.isfinite(values).all():
        axes.patch.set(facecolor=EMPTY, edgecolor=EMPTY_HATCH, hatch="////", visible=True)
    axes.tick_params(length=0, labelsize=fontsize)
    for label in axes.get_xticklabels():
        label.set(
            rotation=90 if upright else 45,
            ha="right",
            va="center" if upright else "top",
            rotation_mode="anchor",
        )
    # Of a single row seaborn turns the name.
    for label in axes.get_yticklabels():
        label.set(rotation=0, va="center")
    if marked is not None and marked.any():
        rows, columns = np.nonzero(shown.cut(marked))
        strong = np.abs(values[rows, columns]) > 0.6 * limit
        colours = np.where(strong, "white", INK)
        axes.scatter(columns + 0.5, rows + 0.5, s=7, c=list(colours), linewidths=0, zorder=3)


def grid_legend(mark: str, empty: str) -> list[Line2D | Patch]:
    """Legend entries for what the colours do not say.

    Args:
        mark: what a dot means; empty without dots.
        empty: what a grey bin lacks; empty without grey bins.
    """
    look = {"marker": "o", "linestyle": "", "markersize": 3.2, "color": INK}
    grey = {"facecolor": EMPTY, "edgecolor": EMPTY_HATCH, "hatch": "//////"}
    dots = [Line2D([], [], label=mark, **look)] if mark else []
    return dots + ([Patch(label=f"no {empty}", **grey)] if empty else [])


def draw_colour_bar(axes: Axes, limit: float, label: str, clipped: bool) -> None:
    """Draw the vertical scale of a map into axes of its own."""
    axes.figure.colorbar(
        ScalarMappable(Normalize(-limit, limit), diverging()),
        cax=axes,
        extend="both" if clipped else "neither",
    )
    axes.set_ylabel(label, fontsize=8)
    axes.tick_params(labelsize=7.5, length=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))
    for spine in axes.spines.values():
        spine.set_edgecolor(FAINT)
