"""The planted truth in one picture: influence by role and dose, and every scorer judged."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.random_streams import stream
from workflow_scripts.report.numbers import counted
from workflow_scripts.report.planted_doses import few_doses
from workflow_scripts.report.style import (
    CATEGORIES,
    FAINT,
    INK,
    PAGE,
    ROLE_COLOURS,
    heading,
    new_figure,
    panel_title,
)
from workflow_scripts.validation.scorers import in_order, label_of

ROLES = ("neutral", "decoy", "contradiction", "support")
# Column of validation/planted, title, value of a map that knows nothing, axis limits.
MEASURES = (
    ("auroc_support", "Support above all other bins\n(AUROC)", 0.5, (0, 1)),
    ("auroc_support_vs_contradiction", "Support above contradiction\n(AUROC)", 0.5, (0, 1)),
    ("contradiction_sign", "Contradiction bins below\nthe map's mean (share)", 0.5, (0, 1)),
    ("dose_spearman", "Dose with influence\n(rank correlation)", 0.0, (-1, 1)),
)
MARKERS = "osD^vPX*"
# Scorers that the usual page has room for, and inches that it grows by for each further one.
FITTING, ROW = 8, 0.23


def judged_bins(bins: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """The table behind the upper row: bins with documents, their role, dose and z."""
    keys = ["benchmark", "topic", "format"]
    return (
        truth.join(bins.select(*keys, "n_docs", "influence", "z", "q_unusual"), on=keys)
        .drop_nulls("z")
        .sort(keys)
    )


def draw_planted(judged: pl.DataFrame, planted: pl.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw the panel.

    Args:
        judged: from :func:`judged_bins`.
        planted: the table ``validation/planted``.
        titles: benchmark -> its name for people, in the order of the study.
    """
    present = [name for name in titles if name in judged["benchmark"].unique()]
    known = in_order(planted["scorer"].unique())
    figure = new_figure(height=PAGE[1] + ROW * max(0, len(known) - FITTING))
    share = PAGE[1] / figure.get_size_inches()[1]

    def from_head(place: float) -> float:
        """A height on the usual page, as far from the head of this one."""
        return 1 - share * (1 - place)

    upper = figure.subplots(
        1,
        len(present),
        sharey=True,
        squeeze=False,
        gridspec_kw={"left": 0.065, "right": 0.985, "wspace": 0.06}
        | {"top": from_head(0.82), "bottom": from_head(0.5)},
    )[0]
    for axes, name in zip(upper, present, strict=True):
        _roles(axes, judged.filter(benchmark=name))
        axes.set_title(panel_title(titles[name]), fontsize=9.5, fontweight="bold", loc="left")
    upper[0].set_ylabel("z (positive = supports)")
    lower = figure.subplots(
        1,
        len(MEASURES),
        sharey=True,
        gridspec_kw={"left": 0.155, "right": 0.985, "wspace": 0.1}
        | {"top": from_head(0.325), "bottom": 0.105 * share},
    )
    for axes, measure in zip(lower, MEASURES, strict=True):
        _measure(axes, planted, known, present, measure)
    lower[0].set_yticks(range(len(known)), [label_of(name) for name in known])
    lower[0].set_ylim(len(known) - 0.5, -0.5)
    _legend(figure, lower[0], [titles[name] for name in present], 0.005 * share)
    _heading(figure, judged, present, from_head(0.975))
    return figure


def _legend(figure: Figure, axes: Axes, labels: list[str], height: float) -> None:
    """The markers of the benchmarks in a line below the lower row."""
    handles, _ = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="lower center",
        bbox_to_anchor=(0.57, height),
        ncols=len(labels),
        fontsize=8,
        handletextpad=0.3,
    )


def _heading(figure: Figure, judged: pl.DataFrame, present: list[str], top: float) -> None:
    documents = judged.filter(benchmark=present[0])["n_docs"].sum()
    n_bins = judged.filter(benchmark=present[0]).height
    lines = [
        f"{counted(int(documents), 'document')} in {counted(n_bins, 'bin')}. Support bins hold "
        "documents that state the capability, in the dose (share of documents) named;",
        "contradiction bins tell the same sentences with permuted answers in other topics; decoys "
        "share the style alone.",
        "Above: a point is a bin, bars are medians. Below: a point is a benchmark, lines are "
        "intervals over topics, the dashed line is a map that knows nothing.",
    ]
    heading(figure, "Does the map find what was planted?", lines, top=top, left=0.02)


def _roles(axes: Axes, bins: pl.DataFrame) -> None:
    """Draw the z of every bin by role and dose."""
    groups = (
        few_doses(bins)
        .group_by("role", "dose")
        .agg("z")
        .with_columns(order=pl.col("role").replace_strict({r: i for i, r in enumerate(ROLES)}))
        .sort("order", "dose")
    )
    labels = []
    for place, (role, dose, z, _) in enumerate(groups.iter_rows()):
        values = np.asarray(z)
        spread = 0.32 if len(values) > 50 else 0.18
        jitter = stream(0, "jitter", role, dose, len(values)).uniform(-spread, spread, len(values))
        # By value, so that the picture does not depend on the order of rows.
        axes.scatter(
            place + jitter,
            np.sort(values),
            s=5 if len(values) > 50 else 11,
            color=ROLE_COLOURS[role],
            alpha=0.5 if len(values) > 50 else 0.8,
            linewidths=0,
        )
        median = float(np.median(values))
        axes.plot([place - 0.38, place + 0.38], [median, median], color=INK, linewidth=1.4)
        labels.append(f"{role} {dose:.0%}" if dose else role)
    axes.axhline(0, color=FAINT, linewidth=0.5)
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.set_xticks(
        range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=7.5
    )
    axes.tick_params(axis="x", length=0)


def _measure(
    axes: Axes,
    planted: pl.DataFrame,
    scorers: list[str],
    benchmarks: list[str],
    measure: tuple[str, str, float, tuple[float, float]],
) -> None:
    """Draw one measure of every scorer, a marker per benchmark."""
    column, title, nothing, limits = measure
    rows = planted.select("benchmark", "scorer", column).iter_rows()
    values = {(benchmark, scorer): value for benchmark, scorer, value in rows}
    ends = {}
    if f"{column}_low" in planted.columns:
        bounded = planted.drop_nulls(f"{column}_low")
        ends = {
            (benchmark, scorer): reach
            for benchmark, scorer, *reach in bounded.select(
                "benchmark", "scorer", f"{column}_low", f"{column}_high"
            ).iter_rows()
        }
    axes.axvline(nothing, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2)))
    for number, benchmark in enumerate(benchmarks):
        # Side by side within the scorer's row, since equal values would hide each other.
        offset = (number - (len(benchmarks) - 1) / 2) * 0.16
        points = [
            (value, place + offset)
            for place, scorer in enumerate(scorers)
            if (value := values.get((benchmark, scorer))) is not None
        ]
        for place, scorer in enumerate(scorers):
            if reach := ends.get((benchmark, scorer)):
                colour = CATEGORIES[number % len(CATEGORIES)]
                axes.plot(reach, [place + offset] * 2, color=colour, linewidth=0.8, alpha=0.6)
        axes.plot(
            [value for value, _ in points],
            [place for _, place in points],
            linestyle="",
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            color=CATEGORIES[number % len(CATEGORIES)],
            clip_on=False,
            label=benchmark,
        )
    for edge in range(1, len(scorers)):
        axes.axhline(edge - 0.5, color="#e4e4e4", linewidth=0.6, zorder=0)
    span = limits[1] - limits[0]
    axes.set_xlim(limits[0] - 0.03 * span, limits[1] + 0.03 * span)
    axes.set_xticks(np.linspace(*limits, 5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))
    axes.set_title(title, fontsize=8.5, loc="left")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines["left"].set_visible(False)
