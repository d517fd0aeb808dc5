"""Figures of unlearning: damage by dose, paired effects per topic, damage on every benchmark."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.style import FAINT, heading, new_figure
from workflow_scripts.unlearning.arms import ARMS
from workflow_scripts.unlearning.effects.pairs import (
    CROSS_FITTED,
    PRIMARY,
    dose_text,
    left_out_text,
    shown_dose,
)

# Okabe and Ito (2008), and a brown.
ARM_COLOURS = {
    "targeted": "#D55E00",
    "random": "#0072B2",
    "low": "#56B4E9",
    "bottom": "#009E73",
    "similar": "#CC79A7",
    "other": "#E69F00",
    "longest": "#7A5C3E",
    "control": FAINT,
}
ARM_NAMES = {
    "targeted": "targeted (highest influence)",
    "random": "random (matched)",
    "low": "low (matched, lower half)",
    "bottom": "bottom (lowest influence)",
    "similar": "similar (words of the questions)",
    "other": "other (high on another benchmark)",
    "longest": "longest",
    "control": "control (any topic)",
}
ARM_MARKERS = dict(zip(ARM_COLOURS, "osvDPX*^", strict=True))
ARM_LINES = {
    "targeted": "-",
    "random": (0, (6, 2)),
    "low": (0, (4, 2, 1, 2)),
    "bottom": (0, (3, 2)),
    "similar": (0, (5, 1)),
    "other": (0, (3, 1, 1, 1)),
    "longest": (0, (2, 1)),
    "control": (0, (1, 1.5)),
}


def draw_curves(
    curves: pl.DataFrame, tests: pl.DataFrame, titles: Mapping[str, str], confidence: float
) -> Figure:
    """Damage against the rise of the forget loss: margin above, accuracy below.

    Args:
        curves: from ``margin_curves``.
        tests: table ``unlearning/tests``.
        titles: benchmark -> its name for people, those that were targeted.
        confidence: of the intervals.
    """
    figure = new_figure(11.69, 7.2)
    axes = figure.subplots(
        2,
        len(titles),
        sharex=True,
        sharey="row",
        squeeze=False,
        gridspec_kw={"left": 0.07, "right": 0.985, "top": 0.78, "bottom": 0.12, "hspace": 0.14},
    )
    for column, (name, title) in enumerate(titles.items()):
        upper, lower = axes[0, column], axes[1, column]
        upper.set_title(title, fontsize=9.5, fontweight="bold", loc="left")
        for arm in ARM_COLOURS:
            _curve(upper, curves.filter(target=name, arm=arm), arm)
            _points(lower, _own_accuracy(tests, name, arm), arm)
        for panel in (upper, lower):
            panel.axhline(0, color=FAINT, linewidth=0.6)
        lower.set_xlabel("Rise of the forget loss (nats per token)")
    axes[0, 0].set_ylabel("Margin lost on the target")
    axes[1, 0].set_ylabel("Accuracy lost on the target\n(points)")
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=_size(labels))
    lines = [
        "Each arm forgets equally many documents of one topic, with the same retain set and seed; "
        "arms are compared at equal rise of their forget loss.",
        f"Lines and points: mean and median over topics (seeds averaged); bands and bars: "
        f"{confidence:.0%} intervals over topics (bars: and questions, none below three topics). "
        f"{runs_left_out(tests)}",
        "Above: margin of a sample of the target's questions along the way. Below: "
        f"{_questions(tests)}.",
    ]
    heading(figure, "Does forgetting the region hurt the capability?", lines, 0.975, 0.02)
    return figure


def _size(labels: list[str]) -> float:
    """Points of a legend's letters, smaller where one line holds many arms."""
    return 8.5 if len(labels) <= 5 else 6.0


def runs_left_out(tests: pl.DataFrame) -> str:
    """Runs that are missing from the curves at the largest dose, in a sentence."""
    single = tests.filter(
        pl.col("target") == pl.col("evaluated"),
        pl.col("contrast").is_in(ARMS),
        measure="accuracy",
        dose=tests["dose"].max(),
    )
    parts = []
    for reason, words in (("collapsed", "collapsed"), ("unreached", "missed the largest dose")):
        by_arm = single.group_by("contrast", maintain_order=True).agg(pl.sum(f"n_{reason}"))
        lost = [f"{n} {arm}" for arm, n in by_arm.sort("contrast").iter_rows() if n]
        if lost:
            parts.append(f"{', '.join(lost)} {words}")
    return f"Runs left out: {'; '.join(parts)}." if parts else "No run is left out."


def _questions(tests: pl.DataFrame) -> str:
    topics = tests.filter(contrast="targeted")["n_topics"].max()
    return f"accuracy by lm-eval at the doses, {counted(int(topics or 0), 'topic')}"


def _own_accuracy(tests: pl.DataFrame, target: str, arm: str) -> pl.DataFrame:
    return tests.filter(
        target=target, evaluated=target, contrast=arm, pairs="all", measure="accuracy"
    ).drop_nulls("median")


def _curve(axes: Axes, rows: pl.DataFrame, arm: str) -> None:
    if rows.height:
        x, colour = rows["forget_rise"].to_numpy(), ARM_COLOURS[arm]
        axes.plot(
            x,
            rows["damage_margin"],
            color=colour,
            linewidth=1.6,
            marker=ARM_MARKERS[arm],
            markersize=3.5,
            markevery=(2 * list(ARM_COLOURS).index(arm), 8),
            # Lines that run over each other: the lower one shows in the gaps of the upper.
            linestyle=ARM_LINES[arm],
            alpha=0.9,
        )
        bounded = rows.drop_nulls("ci_low")
        axes.fill_between(
            bounded["forget_rise"].to_numpy(),
            bounded["ci_low"].to_numpy(),
            bounded["ci_high"].to_numpy(),
            color=colour,
            alpha=0.15,
            linewidth=0,
        )


def _points(axes: Axes, rows: pl.DataFrame, arm: str) -> None:
    if not rows.height:
        return
    rows = rows.sort("dose")
    colour = ARM_COLOURS[arm]
    # Arms are side by side, so that their bars do not hide each other.
    shift = 0.018 * (list(ARM_COLOURS).index(arm) - 1) * rows["dose"].max()
    axes.plot(
        [0, rows["dose"][0] + shift],
        [0, 100 * rows["median"][0]],
        color=colour,
        linewidth=1.2,
        linestyle=ARM_LINES[arm],
    )
    median = 100 * rows["median"].to_numpy()
    reach = 100 * np.abs(rows.select("ci_low", "ci_high").to_numpy().T - rows["median"].to_numpy())
    axes.errorbar(
        rows["dose"].to_numpy() + shift,
        median,
        yerr=reach,
        color=colour,
        marker=ARM_MARKERS[arm],
        markersize=5,
        capsize=2.5,
        linewidth=1.2,
        linestyle=ARM_LINES[arm],
        elinewidth=1.2,
        label=ARM_NAMES[arm],
    )


def draw_pairs(
    pairs: pl.DataFrame,
    tests: pl.DataFrame,
    titles: Mapping[str, str],
    confidence: float,
) -> Figure:
    """Damage of each topic's arms beside each other, and the difference that matters."""
    n_topics = max(1, *(pairs.filter(target=name)["topic"].n_unique() for name in titles))
    figure = new_figure(11.69, 2.6 + 0.34 * n_topics * len(titles))
    height = figure.get_size_inches()[1]
    panels = figure.subplots(
        len(titles),
        1,
        sharex=True,
        squeeze=False,
        gridspec_kw={
            "left": 0.19,
            "right": 0.8,
            "top": 1 - 1.3 / height,
            "bottom": 0.75 / height,
            "hspace": 0.3,
        },
    )[:, 0]
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        _topic_rows(axes, pairs.filter(target=name))
        axes.set_title(title, fontsize=9.5, fontweight="bold", loc="left")
        axes.text(
            1.02,
            0.5,
            _verdict(tests, name, confidence),
            transform=axes.transAxes,
            fontsize=8.5,
            va="center",
            ha="left",
            linespacing=1.5,
        )
    panels[-1].set_xlabel("Accuracy lost on the target (points)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=_size(labels))
    lines = [
        f"At {dose_text(tests)}. A mark is one seed; hollow: its random set is not matched and "
        "takes no part in the primary test.",
        "The line joins the means over seeds of random and targeted.",
    ]
    heading(
        figure, "Targeted against matched documents, topic by topic", lines, 1 - 0.15 / height, 0.02
    )
    return figure


def _topic_rows(axes: Axes, rows: pl.DataFrame) -> None:
    """One row per topic: a mark per seed and arm, a line from random to targeted."""
    arms = [arm for arm in ARMS if arm in rows.columns and rows[arm].count()]
    # Equal values are stacked.
    shifts = dict.fromkeys(ARMS, 0.0) | dict(zip(arms, _heights(len(arms)), strict=True))
    means = rows.group_by("topic").agg(pl.col("targeted", "random").mean())
    order = means.sort("targeted", nulls_last=False)["topic"].to_list()
    for place, topic in enumerate(order):
        own = rows.filter(topic=topic)
        ends = [own["random"].mean(), own["targeted"].mean()]
        if None not in ends:
            heights = [place + shifts[arm] for arm in ("random", "targeted")]
            axes.plot([100 * x for x in ends], heights, color=FAINT, linewidth=1, zorder=1)
        for arm in reversed(arms):
            values = own.select("matched", arm).drop_nulls(arm)
            filled = [ARM_COLOURS[arm] if m else "white" for m in values["matched"]]
            axes.scatter(
                100 * values[arm].to_numpy(),
                place + shifts[arm] + _side_by_side(values[arm]),
                marker=ARM_MARKERS[arm],
                s=30,
                c=filled,
                edgecolors=ARM_COLOURS[arm],
                linewidths=1,
                label=ARM_NAMES[arm] if place == 0 else None,
                zorder=2,
            )
    axes.set_yticks(range(len(order)), [display_name(topic) for topic in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.axvline(0, color=FAINT, linewidth=0.6)


def _heights(count: int) -> list[float]:
    """Positions of the marks of so many arms in the row of a topic, from the top."""
    return np.linspace(0.25, -0.25, count).tolist() if count > 1 else [0.0] * count


def _side_by_side(values: pl.Series) -> np.ndarray:
    """Small vertical shifts (n,) that part marks of equal value."""
    seen = values.to_list()
    return np.array([-0.09 * seen[:place].count(value) for place, value in enumerate(seen)])


def _verdict(tests: pl.DataFrame, target: str, confidence: float) -> str:
    """The primary differences in words, and how much the arm of lowest influence does."""
    own = tests.filter(target=target, evaluated=target, measure="accuracy", dose=shown_dose(tests))
    crossed = own.filter(contrast=CROSS_FITTED).height > 0
    second = (CROSS_FITTED, "matched") if crossed else ("bottom-random", "all")
    lines = []
    for contrast, kind in ((PRIMARY, "matched"), second):
        name = "cross-fitted" if contrast == CROSS_FITTED else contrast.replace("-", " − ")
        row = own.filter(contrast=contrast, pairs=kind)
        if row.is_empty() or row["median"][0] is None:
            lost = "" if row.is_empty() else left_out_text(row.row(0, named=True))
            lines.append("\n".join([f"{name}:", "no pair is left", *([lost] if lost else [])]))
            continue
        row = row.row(0, named=True)
        value = "n/a" if row["p_t"] is None else f"{row['p_t']:.2g}"
        lines.append(
            f"{name}:\nmedian topic {number_text(100 * row['median'], 0)} points\n"
            f"{_interval(row, confidence)}\n"
            f"p {value}, {counted(row['n_topics'], 'topic')}"
            + (f"\n{fill(lost, 30)}" if (lost := left_out_text(row)) else "")
        )
    return "\n\n".join(lines)


def _interval(row: Mapping[str, Any], confidence: float) -> str:
    if row["ci_low"] is None:
        return f"no interval: {counted(row['n_topics'], 'topic')}"
    low, high = (number_text(100 * row[key], 0) for key in ("ci_low", "ci_high"))
    return f"{confidence:.0%} interval {low} to {high}"
