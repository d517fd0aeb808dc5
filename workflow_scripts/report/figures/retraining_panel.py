"""Retraining in two pictures: scores against their ceiling, and predicted against observed."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.report.numbers import number_text
from workflow_scripts.report.style import CATEGORIES, FAINT, INK, heading, new_figure, panel_title
from workflow_scripts.validation.scorers import STUDY, TRUTH, label_of

COLUMNS = 4
OWN, OTHERS, KNOWN = CATEGORIES[0], "#555555", CATEGORIES[2]
BAND = "#f3e3c3"


def outputs_in_order(found: pl.Series, titles: Mapping[str, str]) -> dict[str, str]:
    """Outputs that are there -> their names, in the order of ``titles``."""
    present = set(found)
    return {name: title for name, title in titles.items() if name in present}


def draw_scores(table: pl.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Every scorer's linear datamodeling score with interval, and the ceiling of each output.

    Args:
        table: the table ``validation/lds``.
        titles: benchmark or contrast -> its name for people, in the order of the study.
    """
    rows = table.filter(measure="margin", sum="influence")
    outputs = outputs_in_order(rows["output"], titles)
    means = rows.group_by("scorer").agg(pl.col("lds").mean())
    ranked = means.sort("lds", "scorer", descending=[True, False], nulls_last=True)["scorer"]
    first = [name for name in (TRUTH, STUDY) if name in ranked]
    scorers = [*first, *(name for name in ranked if name not in first)]
    figure, panels = _grid(len(outputs), sharey=True, left=0.15)
    for axes, (output, title) in zip(panels, outputs.items(), strict=True):
        _scores(axes, rows.filter(output=output), scorers)
        axes.set_title(panel_title(title), fontsize=9.5, fontweight="bold", loc="left")
    panels[0].set_yticks(range(len(scorers)), [label_of(name) for name in scorers])
    panels[0].set_ylim(len(scorers) - 0.5, -0.5)
    some = rows.row(0, named=True)
    lines = [
        f"{some['n_halves']} random halves of the bins, {some['n_seeds']} models trained on each. "
        "Linear datamodeling score: rank correlation over the halves of the models' mean margin "
        "with the map's sum over the half's bins.",
        "Points with bootstrap intervals over halves. Orange: the ceiling that the training seed "
        "sets (line) with its interval (band). Dashed: a map that foretells nothing.",
    ]
    heading(figure, "Does the map foretell what retrained models can do?", lines, 0.975, 0.02)
    return figure


def draw_halves(points: pl.DataFrame, table: pl.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Predicted against observed output of every half, for the study's own map.

    Args:
        points: the table ``validation/retraining_predictions``.
        table: the table ``validation/lds``.
        titles: benchmark or contrast -> its name for people, in the order of the study.
    """
    outputs = outputs_in_order(points["output"], titles)
    own = table.filter(measure="margin", sum="influence", scorer=STUDY)
    scores = {row["output"]: row for row in own.iter_rows(named=True)}
    figure, panels = _grid(len(outputs), sharey=False, left=0.06)
    for axes, (output, title) in zip(panels, outputs.items(), strict=True):
        rows = points.filter(output=output).sort("predicted")
        axes.vlines(
            rows["predicted"],
            rows["observed_low"],
            rows["observed_high"],
            color=OTHERS,
            linewidth=0.7,
            alpha=0.5,
        )
        axes.plot(rows["predicted"], rows["observed"], "o", markersize=3, color=OWN)
        score = scores[output]
        text = f"LDS {number_text(score['lds'])}, ceiling {number_text(score['ceiling'])}"
        axes.set_title(f"{title}\n{text}", fontsize=8.5, loc="left")
        axes.tick_params(labelsize=7)
    figure.supxlabel("predicted: the map's sum over the half's bins (standard deviations)", size=8)
    figure.supylabel("observed margin (standard deviations)", size=8, x=0.012)
    lines = [
        "A point is a random half of the bins: the mean over training seeds; its bar joins the "
        "seeds.",
    ]
    heading(figure, "Predicted and observed, half by half", lines, 0.975, 0.02)
    return figure


def _grid(count: int, sharey: bool, left: float) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels in rows of four."""
    rows = -(-count // COLUMNS)
    figure = new_figure(height=2.2 + 2.9 * rows)
    height = figure.get_size_inches()[1]
    room = {"left": left, "right": 0.985, "top": 1 - 1.25 / height, "bottom": 0.65 / height}
    panels = figure.subplots(
        rows,
        COLUMNS,
        sharey=sharey,
        squeeze=False,
        gridspec_kw={**room, "wspace": 0.08 if sharey else 0.22, "hspace": 0.34},
    ).ravel()
    for axes in panels[count:]:
        axes.remove()
    return figure, list(panels[:count])


def _scores(axes: Axes, rows: pl.DataFrame, scorers: list[str]) -> None:
    """One output: a point with its interval per scorer, over the ceiling."""
    some = rows.row(0, named=True)
    if some["ceiling"] is not None:
        if some["ceiling_low"] is not None:
            axes.axvspan(some["ceiling_low"], some["ceiling_high"], color=BAND, linewidth=0)
        axes.axvline(some["ceiling"], color=CATEGORIES[1], linewidth=1.4)
    axes.axvline(0, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2)))
    by_scorer = {row["scorer"]: row for row in rows.iter_rows(named=True)}
    for place, name in enumerate(scorers):
        row = by_scorer.get(name)
        if row is None or row["lds"] is None:
            continue
        colour = {STUDY: OWN, TRUTH: KNOWN}.get(name, OTHERS)
        if row["ci_low"] is not None:
            axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=1.4)
        axes.plot(row["lds"], place, "o", markersize=4.5, color=colour)
    axes.set_xlim(-1.02, 1.02)
    axes.set_xticks(np.linspace(-1, 1, 5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines["left"].set_visible(False)
