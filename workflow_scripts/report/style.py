"""Style and saving of every figure: one palette, one order of bins, same bytes."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import fill, wrap

import matplotlib as mpl
import polars as pl
import seaborn as sns
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from workflow_scripts.common.files import atomic_path

DPI = 150
# A4 landscape, in inches.
PAGE = (11.69, 8.27)
# Letters of a panel's title in a line.
TITLE_WIDTH = 27
INK = "#222222"
FAINT = "#6b6b6b"
EMPTY = "#ececec"
EMPTY_HATCH = "#cfcfcf"
CAUTION = "#9c4a00"
# Inches, cautions below a figure at most, and letters of their size to an inch.
FOOT_LEFT, FOOT_LINE, FOOT_ENTRIES, FOOT_LETTERS = 0.25, 0.145, 8, 16
# Okabe and Ito's colours: distinct to colour-blind readers, and in grey by their lightness.
ROLE_COLOURS = {
    "support": "#c44e52",
    "contradiction": "#2f6db3",
    "decoy": "#e6a532",
    "neutral": "#9a9a9a",
}
# The same hues for other categories (2008), without yellow, which is faint.
CATEGORIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    # A dollar in a title is a dollar.
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
    # Names of svg elements follow from this salt and the content, so that bytes repeat.
    "svg.hashsalt": "capability-atlas",
}


def diverging() -> Colormap:
    """Blue (opposes) over white to red (supports); safe for colour-blind readers."""
    return sns.color_palette("vlag", as_cmap=True)


def dark_diverging() -> Colormap:
    """The same signs on a dark ground: blue over near-black to red, the strongest lightest."""
    return sns.diverging_palette(250, 15, s=85, l=68, sep=1, center="dark", as_cmap=True)


@contextmanager
def style() -> Iterator[None]:
    """Draw and save inside this block; nothing outside of it changes."""
    with mpl.rc_context(_SETTINGS):
        yield


def new_figure(width: float = PAGE[0], height: float = PAGE[1]) -> Figure:
    """Empty figure of this size in inches, outside of pyplot's global state."""
    return Figure(figsize=(width, height), facecolor="white")


def save_figure(
    figure: Figure, png: str | os.PathLike, svg: str | os.PathLike, foot: Sequence[str] = ()
) -> None:
    """Write a figure as PNG and SVG, atomically, without a date.

    Args:
        figure: the figure.
        png: where to.
        svg: where to.
        foot: cautions that concern the picture; they go below all that is drawn.
    """
    box = add_foot(figure, foot)
    with atomic_path(png) as temporary:
        metadata = {"Software": None}
        figure.savefig(temporary, format="png", dpi=DPI, metadata=metadata, bbox_inches=box)
    with atomic_path(svg) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None}, bbox_inches=box)


def add_foot(figure: Figure, foot: Sequence[str]) -> Bbox | None:
    """Write lines of small type below a figure, where nothing is drawn.

    Returns:
        What to save, in inches: the figure and its foot; None where there is no foot.
    """
    if not foot:
        return None
    width, height = figure.get_size_inches()
    shown = list(foot[:FOOT_ENTRIES])
    if len(foot) > len(shown):
        shown.append(f"{len(foot) - len(shown)} more cautions stand in report/cautions.json")
    letters = int((width - 2 * FOOT_LEFT) * FOOT_LETTERS)
    lines = [
        line
        for entry in shown
        for line in wrap(f"\u25b8 {entry}", letters, subsequent_indent="   ")
    ]
    depth = FOOT_LINE * (len(lines) + 2)
    look = {"fontsize": 7.5, "va": "top", "ha": "left"}
    left, below = FOOT_LEFT / width, -FOOT_LINE / 2 / height
    figure.text(left, below, "Read with caution", fontweight="bold", color=CAUTION, **look)
    for number, line in enumerate(lines, start=1):
        figure.text(left, below - FOOT_LINE * number / height, line, color=INK, **look)
    return Bbox([[0, -depth], [width, height]])


def sentence_figure(title: str, lines: Sequence[str]) -> Figure:
    """A short page that says in words why there is nothing to draw."""
    broken = [part for line in lines for part in wrap(line, 160)]
    height = 0.75 + 0.165 * len(broken)
    figure = new_figure(height=height)
    heading(figure, title, broken, top=1 - 0.2 / height, left=0.25 / PAGE[0])
    return figure


def save_csv(frame: pl.DataFrame, path: str | os.PathLike) -> None:
    """Write the table behind a figure; nulls are empty fields."""
    with atomic_path(path) as temporary:
        frame.write_csv(temporary, float_precision=6)


def heading(figure: Figure, title: str, lines: list[str], top: float, left: float) -> None:
    """Put a bold title and lines of small print under it at the figure's head.

    Args:
        figure: the figure.
        title: one line.
        lines: what a reader needs to know: n, unit, sign, baseline.
        top: height of the title's upper edge, in figure coordinates.
        left: left edge, in figure coordinates.
    """
    height = figure.get_size_inches()[1]
    figure.text(left, top, title, fontsize=14, fontweight="bold", va="top", ha="left")
    for number, line in enumerate(lines):
        below = top - (0.3 + 0.165 * number) / height
        figure.text(left, below, line, fontsize=8.5, color=FAINT, va="top", ha="left")


def plain_number(value: float, _: int = 0) -> str:
    """A tick in as few digits as it needs, with a real minus sign."""
    return f"{value:g}".replace("-", "\u2212")


def panel_title(title: str) -> str:
    """A benchmark's name in lines that end within a panel of about two inches."""
    return fill(title, TITLE_WIDTH)
