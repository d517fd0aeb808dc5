"""Panels of the agreement between the benchmarks' maps, and of the reliability of each."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.style import (
    CATEGORIES,
    FAINT,
    INK,
    heading,
    new_figure,
    sentence_figure,
)
from workflow_scripts.report.text import between, p_text

OVER = {"documents": "halves of the documents", "questions": "halves of the questions"}
NO_CORRELATION = (
    "No two maps can be correlated: that needs at least three bins with documents, and maps on "
    "which they differ."
)
# Inches.
WIDTH, LEFT, PLOT, ROW, PAIR, TOP, BOTTOM = 11.69, 2.8, 5.0, 0.36, 0.6, 1.05, 0.85


def draw_correlations(
    correlations: pl.DataFrame,
    titles: Mapping[str, str],
    n_bins: int,
    confidence: float,
    matrix: bool = False,
) -> Figure:
    """Cross-half correlation of each pair of maps, and Pearson's r of the whole maps below it.

    Args:
        correlations: the table ``influence/correlations``.
        titles: benchmark -> its name for people.
        n_bins: bins with documents.
        confidence: coverage of the intervals.
        matrix: whether the maps are an existing matrix, which has Pearson's r alone.
    """
    if correlations["pearson"].is_null().all():
        return sentence_figure("How alike are the maps?", [NO_CORRELATION])
    lowest = _lowest(correlations, "ci_low", "loo_low", "spearman", "cross_half")
    figure, axes = _rows(correlations.height, lowest, PAIR)
    marks = MATRIX_MARKS if matrix else MARKS
    for place, row in enumerate(correlations.iter_rows(named=True)):
        if row["pearson"] is None:
            axes.text(0, place, "no correlation: too few bins, or a constant map", fontsize=8)
            continue
        for column, ends, offset, look in marks:
            if ends and row[ends[0]] is not None:
                reach = [row[end] for end in ends]
                bar = {"color": look["color"], "linewidth": 2.2, "solid_capstyle": "butt"}
                axes.plot(reach, [place + offset] * 2, **bar)
            if row[column] is not None:
                axes.plot([row[column]], [place + offset], **look)
        words = "\n".join(_pair_words(row, matrix))
        axes.text(1.04, place, words, fontsize=7.5, va="center", color=FAINT)
    names = [
        f"{titles[a]} \u2013\n{titles[b]}"
        for a, b in correlations.select("benchmark_a", "benchmark_b").iter_rows()
    ]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    what = "the matrix's values" if matrix else "influence"
    axes.set_xlabel(f"correlation of {what} over bins (positive = the same bins support both)")
    drawn = [look for column, *_, look in marks if correlations[column].is_not_null().any()]
    handles = [Line2D([], [], **look) for look in drawn]
    lines = _how_to_read(n_bins, confidence, matrix)
    return _finish(figure, "How alike are the maps?", lines, handles)


# Column, ends of its bar, place within the row (one below the other, since equal numbers would
# hide each other), and look.
_LEAD = {"marker": "o", "markersize": 6.5, "linestyle": "", "color": INK}
_STROKE = {"marker": "|", "markeredgewidth": 1.6, "linestyle": ""}
_RANKS = _STROKE | {"markersize": 8, "color": CATEGORIES[0], "label": "Spearman (ranks)"}
_CEILING = _STROKE | {"markersize": 11, "color": "#b0b0b0", "label": "what equal maps would reach"}
_CORRECTED = {
    "marker": "D", "markersize": 4.5, "markerfacecolor": "white", "linestyle": "",
    "color": CATEGORIES[5], "label": "without noise (estimate)",
}  # fmt: skip
_HOLLOW = _LEAD | {
    "markersize": 5, "markerfacecolor": "white", "color": CATEGORIES[0],
    "label": "Pearson, noise of shared documents in it",
}  # fmt: skip
_INTERVAL, _WITHOUT_ONE = ("ci_low", "ci_high"), ("loo_low", "loo_high")
MARKS = (
    ("ceiling", None, -0.27, _CEILING),
    ("cross_half", _INTERVAL, -0.27, _LEAD | {"label": "cross-half"}),
    ("corrected", None, 0.0, _CORRECTED),
    ("pearson", _WITHOUT_ONE, 0.27, _HOLLOW),
)
MATRIX_MARKS = (
    ("pearson", _INTERVAL, -0.2, _LEAD | {"label": "Pearson"}),
    ("spearman", _WITHOUT_ONE, 0.2, _RANKS),
)


def _how_to_read(n_bins: int, confidence: float, matrix: bool) -> list[str]:
    """Meaning of the marks, in lines of the figure's width."""
    bins = counted(n_bins, "bin")
    if matrix:
        return [
            f"{bins} with a value. Upper bar: {confidence:.0%} interval of Pearson's r, topics and "
            "formats as draws; lower bar: its range when any one bin is left out.",
            "A matrix has no documents: whether noise that its maps share makes the correlation "
            "(cross-half) is not known. p: against relabelled topics and formats.",
        ]
    return [
        f"{bins} with documents. Filled: cross-half, one map on one half of each bin's documents "
        f"and the other map on the other half, with its {confidence:.0%} interval;",
        "grey stroke: what halves of equal maps would reach. Hollow: Pearson's r of whole maps, "
        "which score the same documents: their shared noise is in it;",
        "its bar: range when any one bin is left out. Diamond: estimate without noise, where a "
        "map stands out of it. p: cross-half against relabelled topics and formats.",
    ]


def _pair_words(row: Mapping[str, object], matrix: bool) -> list[str]:
    """The numbers of a pair, in words; the leading correlation first."""
    interval = between(row["ci_low"], row["ci_high"])
    lead = f"({interval}; p {p_text(row['p_value'])})"
    lines = [f"Pearson {number_text(row['pearson'])}"]
    if matrix:
        lines = [f"{lines[0]} {lead}"]
    elif row["cross_half"] is None:
        lines.insert(0, f"cross-half not known: {row['reason']};")
    else:
        most = "" if row["ceiling"] is None else f", {number_text(row['ceiling'])} at most"
        lines.insert(0, f"cross-half {number_text(row['cross_half'])} {lead}{most};")
    if row["loo_low"] is not None:
        topic, format_ = (display_name(str(row[f"loo_{axis}"])) for axis in ("topic", "format"))
        without = f"without one bin {between(row['loo_low'], row['loo_high'])}"
        if matrix:
            lines.append(without)
        else:
            lines[-1] += f", {without}"
        lines.append(f"most {topic} \u00d7 {format_}")
    if row["shared_tasks"]:
        lines.append(f"{counted(row['shared_tasks'], 'task')} in both benchmarks")
    return lines


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
    """Lower end of the axis: 0, or below the lowest value."""
    lowest = table.select(pl.min_horizontal(pl.col(columns).min())).item()
    return min(0.0, lowest or 0.0)


def _rows(count: int, lowest: float, row: float = ROW) -> tuple[Figure, Axes]:
    """A page with one axes of this many rows of so many inches, up to a correlation of 1."""
    height = TOP + BOTTOM + row * count
    figure = new_figure(WIDTH, height)
    place = (LEFT / WIDTH, BOTTOM / height, PLOT / WIDTH, row * count / height)
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
