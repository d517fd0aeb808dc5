"""Figure of unlearning on every benchmark: what breaks beside the target."""

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workflow_scripts.report.figures.unlearning_panels import ARM_NAMES, runs_left_out
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.style import FAINT, INK, diverging, heading, new_figure
from workflow_scripts.unlearning.effects.pairs import dose_text

# Characters of a line in the labels of the matrix, so that neighbours do not touch.
LABEL_WIDTH = 18


def draw_matrix(
    matrix: pl.DataFrame,
    tests: pl.DataFrame,
    titles: Mapping[str, str],
    confidence: float,
) -> Figure:
    """Damage of the benchmark in the columns where documents were chosen for that in the rows."""
    drawn = matrix.drop_nulls("median")["target"].unique()
    targets = [name for name in titles if name in drawn]
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
            "bottom": 0.95 / height,
            "wspace": 0.06,
        },
    )
    limit = max(0.05, float(matrix["median"].abs().max() or 0.0))
    for axes, arm in zip(panels, ("targeted", "random"), strict=True):
        _cells(axes, matrix.filter(arm=arm), targets, titles, limit)
        axes.set_title(f"Forgotten: {ARM_NAMES[arm]}", fontsize=9.5, fontweight="bold", loc="left")
    panels[0].set_ylabel("Documents chosen for")
    figure.supxlabel("Accuracy lost on", fontsize=8, y=0.38 / height)
    known = matrix.drop_nulls("median")["n_topics"]
    numbers = sorted({int(known.min()), int(known.max())})
    topics = " to ".join(map(str, numbers)) + (" topic" if numbers == [1] else " topics")
    lines = [
        f"Points of accuracy lost at {dose_text(tests)}; "
        f"median of {topics} with its {confidence:.0%} interval. Red: damage; blue: improvement.",
        f"Framed: the benchmark that the documents were chosen for. {runs_left_out(tests)}",
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
            # Light ink on the dark ends of the scale.
            ink = "white" if abs(row["median"]) > 0.7 * limit else INK
            text = number_text(100 * row["median"], 0)
            axes.text(j, i - 0.1, text, ha="center", va="center", fontsize=11, color=ink)
            under = counted(row["n_topics"], "topic")
            if row["ci_low"] is not None:
                ends = (number_text(100 * row[key], 0) for key in ("ci_low", "ci_high"))
                under = " to ".join(ends)
            axes.text(j, i + 0.24, under, ha="center", va="center", fontsize=7.5, color=ink)
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
