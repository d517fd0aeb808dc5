"""Figures of unlearning: damage by dose, paired effects per topic, damage on every benchmark."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.report.style import (
    FAINT,
    INK,
    counted,
    diverging,
    heading,
    new_figure,
    number_text,
)

# Okabe and Ito (2008).
ARM_COLOURS = {"targeted": "#D55E00", "random": "#0072B2", "bottom": "#009E73", "control": FAINT}
ARM_NAMES = {
    "targeted": "targeted (highest influence)",
    "random": "random (matched)",
    "bottom": "bottom (lowest influence)",
    "control": "control (any topic)",
}
# Characters of a line in the labels of the matrix, so that neighbours do not touch.
LABEL_WIDTH = 18
ARM_MARKERS = {"targeted": "o", "random": "s", "bottom": "D", "control": "^"}


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
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=8.5)
    lines = [
        "Each arm forgets equally many documents of one topic, with the same retain set and seed; "
        "arms are compared at equal rise of their forget loss.",
        f"Lines and points: mean and median over topics (seeds averaged); bands and bars: "
        f"{confidence:.0%} intervals over topics. Collapsed runs are left out.",
        "Above: margin of a sample of the target's questions along the way. Below: "
        f"{_questions(tests)}.",
    ]
    heading(figure, "Does forgetting the region hurt the capability?", lines, 0.975, 0.02)
    return figure


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
        axes.plot(x, rows["damage_margin"], color=colour, linewidth=1.8)
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
    axes.plot([0, rows["dose"][0]], [0, 100 * rows["median"][0]], color=colour, linewidth=1.2)
    # Arms stand side by side, so that their bars do not hide each other.
    shift = 0.012 * (list(ARM_COLOURS).index(arm) - 1) * rows["dose"].max()
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
        label=ARM_NAMES[arm],
    )


def draw_pairs(
    pairs: pl.DataFrame,
    tests: pl.DataFrame,
    titles: Mapping[str, str],
    dose: float,
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
            _verdict(tests, name, dose, confidence),
            transform=axes.transAxes,
            fontsize=8.5,
            va="center",
            ha="left",
            linespacing=1.5,
        )
    panels[-1].set_xlabel("Accuracy lost on the target (points)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=8.5)
    lines = [
        f"At a rise of the forget loss by {dose:g} (nats per token). A mark is one seed; hollow: "
        "its random set is not matched and takes no part in the primary test.",
        "The line joins the means over seeds of random and targeted.",
    ]
    heading(
        figure, "Targeted against matched documents, topic by topic", lines, 1 - 0.15 / height, 0.02
    )
    return figure


def _topic_rows(axes: Axes, rows: pl.DataFrame) -> None:
    """One row per topic: a mark per seed and arm, a line from random to targeted."""
    means = rows.group_by("topic").agg(pl.col("targeted", "random").mean())
    order = means.sort("targeted", nulls_last=False)["topic"].to_list()
    for place, topic in enumerate(order):
        own = rows.filter(topic=topic)
        ends = [own["random"].mean(), own["targeted"].mean()]
        if None not in ends:
            axes.plot([100 * x for x in ends], [place, place], color=FAINT, linewidth=1, zorder=1)
        for arm in ("bottom", "random", "targeted"):
            values = own.select("matched", arm).drop_nulls(arm)
            filled = [ARM_COLOURS[arm] if m else "white" for m in values["matched"]]
            axes.scatter(
                100 * values[arm].to_numpy(),
                np.full(values.height, place),
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


def _verdict(tests: pl.DataFrame, target: str, dose: float, confidence: float) -> str:
    """The primary differences in words."""
    lines = []
    for contrast, kind in (("targeted-random", "matched"), ("bottom-random", "all")):
        row = tests.filter(
            target=target,
            evaluated=target,
            contrast=contrast,
            pairs=kind,
            measure="accuracy",
            dose=dose,
        )
        if row.is_empty() or row["median"][0] is None:
            lines.append(f"{contrast.replace('-', ' − ')}:\nno pair is left")
            continue
        row = row.row(0, named=True)
        median, low, high = (number_text(100 * row[k], 0) for k in ("median", "ci_low", "ci_high"))
        p = "p_wilcoxon" if row["p_wilcoxon"] is not None else "p_t"
        value = "n/a" if row[p] is None else f"{row[p]:.2g}"
        lines.append(
            f"{contrast.replace('-', ' − ')}:\nmedian topic {median} points\n"
            f"{confidence:.0%} interval {low} to {high}\n"
            f"{'Wilcoxon' if p == 'p_wilcoxon' else 'paired t'} p {value}, "
            f"{counted(row['n_topics'], 'topic')}"
        )
    return "\n".join(lines)


def draw_matrix(
    matrix: pl.DataFrame, titles: Mapping[str, str], dose: float, confidence: float
) -> Figure:
    """Damage of the benchmark in the columns where documents were chosen for that in the rows."""
    targets = [name for name in titles if name in matrix["target"].unique()]
    if not targets:
        return _nothing("What else breaks?")
    figure = new_figure(11.69, 2.6 + 0.75 * len(targets))
    height = figure.get_size_inches()[1]
    panels = figure.subplots(
        1,
        2,
        sharey=True,
        gridspec_kw={
            "left": 0.13,
            "right": 0.985,
            "top": 1 - 1.35 / height,
            "bottom": 0.85 / height,
            "wspace": 0.06,
        },
    )
    limit = max(0.05, float(matrix["median"].abs().max() or 0.0))
    for axes, arm in zip(panels, ("targeted", "random"), strict=True):
        _cells(axes, matrix.filter(arm=arm), targets, titles, limit)
        axes.set_title(f"Forgotten: {ARM_NAMES[arm]}", fontsize=9.5, fontweight="bold", loc="left")
    panels[0].set_ylabel("Documents chosen for")
    figure.supxlabel("Accuracy lost on", fontsize=8, y=0.12 / height)
    lines = [
        f"Points of accuracy lost at a rise of the forget loss by {dose:g} (nats per token); "
        f"median topic with its {confidence:.0%} interval. Red: damage; blue: improvement.",
        "Framed: the benchmark that the documents were chosen for.",
    ]
    heading(figure, "What else breaks?", lines, 1 - 0.15 / height, 0.02)
    return figure


def _nothing(title: str) -> Figure:
    """A figure that says there is nothing to draw."""
    figure = new_figure(11.69, 2.0)
    heading(figure, title, ["No run reached this dose without collapsing."], 0.9, 0.02)
    return figure


def _cells(
    axes: Axes, rows: pl.DataFrame, targets: list[str], titles: Mapping[str, str], limit: float
) -> None:
    cells = {(r["target"], r["evaluated"]): r for r in rows.iter_rows(named=True)}
    names = list(titles)
    values = np.array(
        [[_median(cells.get((target, name))) for name in names] for target in targets], dtype=float
    )
    axes.imshow(values, cmap=diverging(), vmin=-limit, vmax=limit, aspect="auto")
    for i, target in enumerate(targets):
        for j, name in enumerate(names):
            row = cells.get((target, name))
            if row is None or row["median"] is None:
                axes.text(j, i, "no data", ha="center", va="center", fontsize=8, color=FAINT)
                continue
            ends = (number_text(100 * row[key], 0) for key in ("ci_low", "ci_high"))
            # Light ink on the dark ends of the scale.
            ink = "white" if abs(row["median"]) > 0.7 * limit else INK
            text = number_text(100 * row["median"], 0)
            axes.text(j, i - 0.1, text, ha="center", va="center", fontsize=11, color=ink)
            axes.text(
                j, i + 0.24, " to ".join(ends), ha="center", va="center", fontsize=7.5, color=ink
            )
            if target == name:
                frame = {"fill": False, "edgecolor": INK, "linewidth": 1.6}
                axes.add_patch(Rectangle((j - 0.48, i - 0.47), 0.96, 0.94, **frame))
    shown = {name: fill(title, LABEL_WIDTH) for name, title in titles.items()}
    axes.set_xticks(range(len(names)), [shown[name] for name in names], fontsize=8)
    axes.set_yticks(range(len(targets)), [shown[name] for name in targets], fontsize=8)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _median(row: dict | None) -> float:
    return float("nan") if row is None or row["median"] is None else row["median"]
