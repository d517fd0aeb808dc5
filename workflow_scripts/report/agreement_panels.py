"""How alike the benchmarks' maps are, and how well each would be found again."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.story_text import p_text
from workflow_scripts.report.style import (
    CATEGORIES,
    FAINT,
    INK,
    heading,
    new_figure,
    sentence_figure,
)

OVER = {"documents": "halves of the documents", "questions": "halves of the questions"}
NO_CORRELATION = (
    "No two maps can be correlated: that needs at least three bins with documents, and maps on "
    "which they differ."
)
# Inches.
WIDTH, LEFT, PLOT, ROW, TOP, BOTTOM = 11.69, 2.8, 5.0, 0.36, 1.05, 0.85


def draw_correlations(
    correlations: pl.DataFrame, titles: Mapping[str, str], n_bins: int, matrix: bool = False
) -> Figure:
    """Pearson's r of each pair of maps with the range when one bin is left out.

    Args:
        correlations: the table ``influence/correlations``.
        titles: benchmark -> its name for people.
        n_bins: bins with documents.
        matrix: whether the maps are an existing matrix.
    """
    if correlations["pearson"].is_null().all():
        return sentence_figure("How alike are the maps?", [NO_CORRELATION])
    others = {
        name: look for name, look in _OTHERS.items() if correlations[name].is_not_null().any()
    }
    figure, axes = _rows(max(correlations.height, 1), _lowest(correlations, "loo_low", "spearman"))
    for place, row in enumerate(correlations.iter_rows(named=True)):
        if row["pearson"] is None:
            axes.text(0, place, "no correlation: too few bins, or a constant map", fontsize=8)
            continue
        # One below the other, since equal numbers would hide each other.
        above = place - 0.22
        if row["loo_low"] is not None:
            ends = [row["loo_low"], row["loo_high"]]
            axes.plot(ends, [above, above], color=INK, linewidth=2.2, solid_capstyle="butt")
        axes.plot([row["pearson"]], [above], marker="o", markersize=5.5, color=INK)
        for column, look in others.items():
            if row[column] is not None:
                axes.plot([row[column]], [place + _BELOW[column]], **look)
        axes.text(1.04, place, _moved(row), fontsize=7.5, va="center", color=FAINT)
    names = [
        f"{titles[a]} \u2013\n{titles[b]}"
        for a, b in correlations.select("benchmark_a", "benchmark_b").iter_rows()
    ]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    what = "the matrix's values" if matrix else "influence"
    axes.set_xlabel(f"correlation of {what} over bins (positive = the same bins support both)")
    noise = (
        "Corrected: the noise of documents and questions taken out; its absence means that too "
        "little of a map is above its noise. "
    )
    lines = [
        f"{counted(n_bins, 'bin')} with {'a value' if matrix else 'documents'}. Bar: range of "
        "Pearson's r when any one bin is left out; a long bar means that one bin makes the "
        "correlation.",
        f"{'' if matrix else noise}p: against relabelled topics and formats.",
    ]
    handles = [
        Line2D([], [], marker="o", markersize=6.5, color=INK, label="Pearson, leave one bin out"),
        *(Line2D([], [], **look) for look in others.values()),
    ]
    return _finish(figure, "How alike are the maps?", lines, handles)


_OTHERS = {
    "spearman": {
        "marker": "|", "markersize": 8, "markeredgewidth": 1.6, "linestyle": "",
        "color": CATEGORIES[0], "label": "Spearman (ranks)",
    },
    "corrected": {
        "marker": "D", "markersize": 4.5, "markerfacecolor": "white", "linestyle": "",
        "color": CATEGORIES[5], "label": "corrected for noise",
    },
}  # fmt: skip
_BELOW = {"spearman": 0.05, "corrected": 0.28}


def _moved(row: Mapping[str, object]) -> str:
    """Which bin moves a correlation most, in words."""
    if row["loo_topic"] is None:
        return ""
    place = f"{display_name(str(row['loo_topic']))} \u00d7 {display_name(str(row['loo_format']))}"
    r = number_text(row["pearson"])
    reach = f"{number_text(row['loo_low'])} to {number_text(row['loo_high'])}"
    p = "" if row["p_value"] is None else f" (p {p_text(row['p_value'])})"
    return f"{r}{p}; without one bin {reach},\nmost {place}"


def draw_reliability(
    reliability: pl.DataFrame, titles: Mapping[str, str], confidence: float
) -> Figure:
    """Split-half reliability of each map over documents and over questions.

    Args:
        reliability: the table ``influence/reliability``.
        titles: benchmark -> its name for people, in the order of the study.
        confidence: share of the splits that the bars span.
    """
    if reliability["corrected"].is_null().all():
        known = reliability.select("benchmark", "over", "reason").iter_rows()
        return sentence_figure(
            "Would the map be found again?",
            [
                f"{titles[name]}, {OVER[over]}: not known ({reason or 'not measured'})."
                for name, over, reason in known
                if name in titles
            ],
        )
    lowest = _lowest(reliability, "ci_low", "pearson")
    figure, axes = _rows(len(titles) * len(OVER), lowest)
    table = {(row["benchmark"], row["over"]): row for row in reliability.iter_rows(named=True)}
    names, colours = [], dict(zip(OVER, (CATEGORIES[0], CATEGORIES[5]), strict=True))
    for name, title in titles.items():
        for over in OVER:
            place, row = len(names), table.get((name, over))
            names.append(f"{title}: {over}")
            if row is None or row["corrected"] is None:
                axes.text(0, place, (row and row["reason"]) or "none", fontsize=8, va="center")
                continue
            colour = colours[over]
            if row["ci_low"] is not None:
                ends = [row["ci_low"], row["ci_high"]]
                axes.plot(ends, [place, place], color=colour, linewidth=2.2)
            axes.plot([row["corrected"]], [place], marker="o", markersize=6.5, color=colour)
            look = {"marker": "o", "markersize": 5, "markerfacecolor": "white", "color": colour}
            axes.plot([row["pearson"]], [place], **look)
            axes.text(1.04, place, _units(row), fontsize=7.5, va="center", color=FAINT)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("correlation over bins between the maps of two random halves")
    splits = reliability["n_splits"].max()
    lines = [
        "Filled: reliability of the whole map (Spearman-Brown); hollow: correlation of the two "
        "halves. 1 = other documents (questions) of the same kind give the same map.",
        f"Bar: middle {confidence:.0%} of {splits} random splits: how much the dealing matters, "
        "not an interval over other corpora.",
    ]
    handles = [
        Line2D([], [], marker="o", markersize=6.5, color=colours[over], label=text)
        for over, text in OVER.items()
    ]
    return _finish(figure, "Would the map be found again?", lines, handles)


def _units(row: Mapping[str, object]) -> str:
    left_out = f", {row['n_left_out']} bins left out" if row["n_left_out"] else ""
    return (
        f"{number_text(row['corrected'])}; {row['n_units']:,} {row['over']}, "
        f"{row['n_bins']} bins{left_out}"
    )


def _lowest(table: pl.DataFrame, *columns: str) -> float:
    """Where the axis begins: at 0, or below the lowest value."""
    lowest = table.select(pl.min_horizontal(pl.col(columns).min())).item()
    return min(0.0, lowest or 0.0)


def _rows(count: int, lowest: float) -> tuple[Figure, Axes]:
    """A page with one axes of this many rows, up to a correlation of 1."""
    height = TOP + BOTTOM + ROW * count
    figure = new_figure(WIDTH, height)
    place = (LEFT / WIDTH, BOTTOM / height, PLOT / WIDTH, ROW * count / height)
    axes = figure.add_axes(place)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_xlim(max(-1.02, lowest - 0.05), 1.02)
    for edge in range(1, count):
        axes.axhline(edge - 0.5, color="#efefef", linewidth=0.5, zorder=0)
    axes.axvline(0, color=FAINT, linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))
    return figure, axes


def _finish(figure: Figure, title: str, lines: list[str], handles: list[Line2D]) -> Figure:
    height = figure.get_size_inches()[1]
    heading(figure, title, lines, top=1 - 0.2 / height, left=0.25 / WIDTH)
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(LEFT / WIDTH, 0.3 / height),
        ncols=len(handles),
        fontsize=8,
    )
    return figure
