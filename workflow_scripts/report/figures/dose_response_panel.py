"""Figure of the dose response by question: every adapter's correlation, by arm."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.report.figures.unlearning_panels import ARM_COLOURS, ARM_MARKERS, ARM_NAMES
from workflow_scripts.report.numbers import number_text
from workflow_scripts.report.style import FAINT, INK, heading, new_figure, panel_title
from workflow_scripts.unlearning.dose_response.dose_response import ALL_TOPICS

TITLE = "Do those questions lose most that the forgotten documents support most?"


def own_responses(table: pl.DataFrame, dose: float) -> pl.DataFrame:
    """The table behind the figure: targets on themselves at one dose."""
    return table.filter(pl.col("target") == pl.col("evaluated"), dose=dose)


def draw_responses(
    rows: pl.DataFrame, titles: Mapping[str, str], dose: float, confidence: float
) -> Figure:
    """A panel for each target, in it a row for each arm.

    Args:
        rows: from :func:`own_responses`.
        titles: benchmark -> its name for people, those that were targeted.
        dose: nats per token.
        confidence: of the intervals.
    """
    present = rows.drop_nulls("spearman")["arm"].unique()
    arms = sorted(present, key=[*ARM_NAMES, *present].index)
    figure = new_figure(11.69, 2.6 + 0.55 * max(len(arms), 1))
    room = {"left": 0.19, "right": 0.9, "top": 0.62, "bottom": 0.2, "wspace": 0.35}
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False, gridspec_kw=room)[0]
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        axes.set_title(panel_title(title), fontsize=9.5, fontweight="bold", loc="left")
        for place, arm in enumerate(arms):
            _arm(axes, rows.filter(target=name, arm=arm), place, arm)
        axes.axvline(0, color=FAINT, linewidth=0.6)
        axes.set_xlim(-1, 1)
        axes.set_xticks([-1, -0.5, 0, 0.5, 1])
        axes.xaxis.set_major_formatter(lambda value, _: number_text(value, 1))
        axes.set_xlabel("Spearman correlation over questions", fontsize=8.5)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(arms)), [ARM_NAMES.get(arm, arm) for arm in arms])
    panels[0].set_ylim(len(arms) - 0.4, -0.6)
    lines = [
        "Within one adapter: influence of the forgotten documents on a question, against the "
        f"margin that the question loses (rise of the forget loss {dose:g} nats a token).",
        f"Small marks: topics and seeds. Black: mean over topics with its {confidence:.0%} "
        "interval over topics and questions, in numbers at the side.",
        "Cross: the same with what the arm forgets in the other topics, which is what any such "
        "documents would give.",
    ]
    heading(figure, TITLE, lines, 0.97, 0.02)
    return figure


def _arm(axes: Axes, rows: pl.DataFrame, place: int, arm: str) -> None:
    """Adapters of one arm, their mean over topics, and that of the other topics' documents."""
    adapters = rows.filter(pl.col("topic") != ALL_TOPICS).drop_nulls("spearman")
    axes.scatter(
        adapters["spearman"],
        [place + 0.16] * adapters.height,
        s=20,
        marker=ARM_MARKERS.get(arm, "o"),
        facecolors="none",
        edgecolors=ARM_COLOURS.get(arm, INK),
    )
    mean = rows.filter(topic=ALL_TOPICS)
    if mean.is_empty():
        return
    row, text = mean.row(0, named=True), ""
    if row["ci_low"] is not None:
        axes.plot([row["ci_low"], row["ci_high"]], [place - 0.12] * 2, color=INK, linewidth=1.6)
        text = f"\n{number_text(row['ci_low'])} to {number_text(row['ci_high'])}"
    axes.plot([row["spearman"]], [place - 0.12], marker="D", markersize=5, color=INK)
    if row["other_topics"] is not None:
        axes.plot([row["other_topics"]], [place - 0.12], marker="x", markersize=6, color=FAINT)
    axes.annotate(
        f"{number_text(row['spearman'])}{text}",
        (1, place),
        xycoords=axes.get_yaxis_transform(),
        xytext=(5, 0),
        textcoords="offset points",
        fontsize=7.5,
        va="center",
    )
