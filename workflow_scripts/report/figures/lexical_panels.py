"""Words of the regions: each benchmark's top bins against the rest, and two kinds of formats."""

from collections.abc import Iterable, Mapping
from textwrap import shorten
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.texts.lexical_profile import BY_SHARE
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.style import (
    CATEGORIES,
    FAINT,
    INK,
    ROLE_COLOURS,
    heading,
    new_figure,
    sentence_figure,
)

TITLE = "Which words do the regions use?"
NOTHING = (
    "No two groups of bins can be compared: that needs a benchmark's top bins beside others, or "
    "interactional beside expository formats, with documents in both."
)
# Measure -> the title of its panel, in order.
MEASURES = {
    "words": "Words a document",
    "first_person": "First person (I, we)",
    "second_person": "Second person (you)",
    "third_person": "Third person (she, they)",
    "mental_state": "Mental state (think, want)",
    "affect": "Affect (happy, afraid)",
    "questions": "Questions",
    "quotes": "Quotations",
}
PAIRS = (("top", "rest"), ("interactional", "expository"))
LOOKS = {
    "top": (ROLE_COLOURS["support"], "a benchmark's top bins"),
    "rest": (ROLE_COLOURS["neutral"], "all other bins"),
    "interactional": (CATEGORIES[0], "interactional formats"),
    "expository": (CATEGORIES[1], "expository formats"),
}
# Letters of a row's name.
LONGEST = 32
# Inches.
COLUMNS, LEFT, PANEL, NOTE, GAP, RIGHT = 4, 2.1, 1.3, 0.98, 0.12, 0.1
ROW, TOP, NAME, AXIS, BOTTOM = 0.42, 0.85, 0.45, 0.3, 0.35


def compared(profile: pl.DataFrame) -> pl.DataFrame:
    """The table behind the figure: the groups and their differences, without the single bins."""
    return profile.filter(pl.col("group") != "bin").drop("topic", "format")


def draw_words(groups: pl.DataFrame, titles: Mapping[str, str], confidence: float) -> Figure:
    """A panel for each measure, in it a row for each pair of groups.

    Args:
        groups: from :func:`compared`.
        titles: benchmark -> its name for people, in the order of the study.
        confidence: coverage of the intervals.
    """
    table = {
        (row["benchmark"], row["group"], row["measure"]): row
        for row in groups.iter_rows(named=True)
    }
    rows = [
        row
        for row in [*((name, *PAIRS[0]) for name in titles), (None, *PAIRS[1])]
        if _comparable(table, row)
    ]
    if not rows:
        return sentence_figure(TITLE, [NOTHING])
    lines = -(-len(MEASURES) // COLUMNS)
    block = NAME + ROW * len(rows) + AXIS
    width = LEFT + COLUMNS * (PANEL + NOTE + GAP) + RIGHT
    height = TOP + lines * block + BOTTOM
    figure = new_figure(width, height)
    for number, (measure, title) in enumerate(MEASURES.items()):
        line, column = divmod(number, COLUMNS)
        left = LEFT + column * (PANEL + NOTE + GAP)
        bottom = height - TOP - line * block - NAME - ROW * len(rows)
        place = (left / width, bottom / height, PANEL / width, ROW * len(rows) / height)
        axes = figure.add_axes(place)
        _measure(axes, table, rows, measure)
        axes.set_title(title, fontsize=9, fontweight="bold", loc="left")
        names = [_name(table, row, titles) for row in rows] if column == 0 else []
        axes.set_yticks(range(len(names)), names, fontsize=7.5)
    _explain(figure, confidence)
    return figure


def _comparable(table: Mapping[tuple, Mapping[str, Any]], row: tuple[str | None, str, str]) -> bool:
    """True if both groups of a row have documents."""
    benchmark, *pair = row
    found = [table.get((benchmark, group, "words")) for group in pair]
    return all(part is not None and part["n_docs"] for part in found)


def _measure(
    axes: Axes,
    table: Mapping[tuple, Mapping[str, Any]],
    rows: list[tuple[str | None, str, str]],
    measure: str,
) -> None:
    """Both groups of every row with their intervals, and the difference in figures."""
    ends = [0.0]
    for place, (benchmark, *pair) in enumerate(rows):
        for group, offset in zip(pair, (-0.17, 0.17), strict=True):
            row = table.get((benchmark, group, measure))
            if row is None or row["value"] is None:
                axes.text(0, place + offset, "none", fontsize=6.5, va="center", color=FAINT)
                continue
            colour, at = LOOKS[group][0], place + offset
            if row["ci_low"] is not None:
                reach = [row["ci_low"], row["ci_high"]]
                axes.plot(reach, [at, at], color=colour, linewidth=1.6)
                ends.append(row["ci_high"])
            axes.plot([row["value"]], [at], marker="o", markersize=4, color=colour, clip_on=False)
            ends.append(row["value"])
        between = table.get((benchmark, " - ".join(pair), measure))
        if between is not None and between["value"] is not None:
            _difference(axes, place, between)
    for edge in range(1, len(rows)):
        axes.axhline(edge - 0.5, color="#e4e4e4", linewidth=0.6, zorder=0)
    axes.set_xlim(0, 1.05 * max(ends) or 1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="y", length=0, pad=6)
    axes.tick_params(axis="x", labelsize=7, length=2)
    axes.spines["left"].set_visible(False)


def _difference(axes: Axes, place: int, row: Mapping[str, Any]) -> None:
    """First group less second, with interval; faint where other bins differ as much."""
    low, high = row["ci_low"], row["ci_high"]
    if row["benchmark"] is None:
        known = low is not None and (low > 0 or high < 0)
    else:
        known = row["p_value"] is not None and row["p_value"] < SIGNIFICANT
    text = signed(row["value"])
    if low is not None:
        text += f"\n{_short(low)} to {_short(high)}"
    axes.annotate(
        text,
        (1, place),
        xycoords=axes.get_yaxis_transform(),
        xytext=(5, 0),
        textcoords="offset points",
        fontsize=6.8,
        va="center",
        linespacing=1.15,
        color=INK if known else FAINT,
        fontweight="bold" if known else "normal",
    )


def signed(value: float) -> str:
    """A difference with its sign; what rounds to zero has none."""
    text = _short(value)
    return text if value < 0 or float(text) == 0 else f"+{text}"


def _short(value: float) -> str:
    return number_text(value, 0 if abs(value) >= 100 else 1)


def _name(
    table: Mapping[tuple, Mapping[str, Any]],
    row: tuple[str | None, str, str],
    titles: Mapping[str, str],
) -> str:
    """Label of a row: the groups compared, with their numbers of bins and documents."""
    benchmark, *pair = row
    found = [table.get((benchmark, group, "words")) for group in pair]
    if benchmark is None:
        head = "Formats"
    else:
        head = shorten(titles[benchmark], LONGEST, placeholder=" \u2026")
        if found[0] is not None and found[0]["selection"] == BY_SHARE:
            head += " *"
    known = [part for part in found if part is not None]
    if not known:
        return head
    return "\n".join([head, _counts(known, "n_bins", "bin"), _counts(known, "n_docs", "document")])


def _counts(parts: Iterable[Mapping[str, Any]], column: str, one: str) -> str:
    """``8 / 568 bins``."""
    *others, last = (int(part[column]) for part in parts)
    return " / ".join([*(f"{number:,}" for number in others), counted(last, one)])


def _explain(figure: Figure, confidence: float) -> None:
    width, height = figure.get_size_inches()
    lines = [
        "Words a document; all else per 1,000 words. English word lists. Lines and differences "
        f"(first group less second): {confidence:.0%} bootstrap intervals over sites, the bins "
        "given, one at a time.",
        "Bold: relabelled topics and formats differ as much in less than 5% (formats: the interval "
        "excludes 0). * No bin is called: the 5% of highest influence. No cause is shown.",
    ]
    heading(figure, TITLE, lines, 1 - 0.15 / height, left=0.15 / width)
    handles = [
        Line2D([], [], marker="o", markersize=4, linewidth=1.6, color=colour, label=label)
        for colour, label in LOOKS.values()
    ]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(LEFT / width, 0.05 / height),
        ncols=len(handles),
        fontsize=8,
    )
