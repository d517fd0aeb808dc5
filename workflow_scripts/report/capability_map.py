"""The map of one benchmark: which regions of the corpus support it."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.report.grid import (
    ColourScale,
    draw_colour_bar,
    draw_grid,
    grid,
    grid_legend,
    row_means,
)
from workflow_scripts.report.style import FAINT, counted, diverging, heading, new_figure

COLUMNS = [
    "benchmark",
    "topic",
    "format",
    "n_docs",
    "influence",
    "ci_low",
    "ci_high",
    "z",
    "rank",
    "q_unusual",
]
# What the heading says of where the numbers come from: attribution, or an existing matrix.
SOURCES = (
    "Influence: mean cosine of preconditioned gradients of a bin's documents and the "
    "questions' gold answers, standardised over bins (z); positive = supports",
    "Values of an existing matrix of bins, standardised over bins (z); positive = supports",
)


@dataclass(frozen=True)
class BenchmarkFacts:
    """What a figure states about a benchmark.

    Attributes:
        title: its name for people.
        n_queries: questions; None where the map comes from an existing matrix.
        accuracy: share that the base model answers correctly.
        chance: share that guessing answers correctly.
    """

    title: str
    n_queries: int | None = None
    accuracy: float | None = None
    chance: float | None = None


def benchmark_facts(title: str, answers: pl.DataFrame, queries: pl.DataFrame) -> BenchmarkFacts:
    """Facts of a benchmark from its answers (``correct``) and questions (``choices``)."""
    chance = (1 / queries["choices"].list.len()).mean()
    return BenchmarkFacts(title, queries.height, float(answers["correct"].mean()), float(chance))


def draw_map(bins: pl.DataFrame, facts: BenchmarkFacts, scale: ColourScale) -> Figure:
    """Draw one benchmark's map with topic and format means at its sides.

    Args:
        bins: 576 rows with the columns ``COLUMNS``; a bin without documents is null.
        facts: what the heading says.
        scale: limits of the colours, in z.
    """
    values = grid(bins, "z")
    marked = np.nan_to_num(grid(bins, "q_unusual"), nan=1.0) < SIGNIFICANT
    figure = new_figure()
    axes = figure.add_axes((0.175, 0.185, 0.6, 0.61))
    draw_grid(axes, values, scale.limit, marked)
    columns = figure.add_axes((0.175, 0.801, 0.6, 0.06), sharex=axes)
    rows = figure.add_axes((0.781, 0.185, 0.075, 0.61), sharey=axes)
    _side_bars(columns, rows, values)
    bar = figure.add_axes((0.905, 0.28, 0.014, 0.4))
    label = "z of mean cosine over bins (positive = supports)"
    draw_colour_bar(bar, scale.limit, label, scale.n_clipped > 0)
    _heading(figure, bins, facts, int(marked.sum()))
    entries = grid_legend(
        f"q < {SIGNIFICANT:g}" if marked.any() else "", bool(np.isnan(values).any())
    )
    if entries:
        figure.legend(handles=entries, loc="lower left", bbox_to_anchor=(0.865, 0.185), fontsize=8)
    note = scale.note()
    figure.text(
        0.985,
        0.02,
        f"{note}. The scale is the same in all maps of the study." if note else "",
        fontsize=7.5,
        color=FAINT,
        ha="right",
    )
    return figure


def _heading(figure: Figure, bins: pl.DataFrame, facts: BenchmarkFacts, n_marked: int) -> None:
    filled = bins.drop_nulls("influence")
    documents = "" if filled["n_docs"].has_nulls() else f"{filled['n_docs'].sum():,} documents in "
    lines = [f"{documents}{filled.height} of {bins.height} bins", SOURCES[facts.n_queries is None]]
    if facts.n_queries is None:
        lines.append("No errors: they need documents and questions; side bars: mean z over bins")
    else:
        lines[0] += (
            f", {counted(facts.n_queries, 'question')}; base model answers {facts.accuracy:.0%} "
            f"correctly (chance {facts.chance:.0%})"
        )
        lines.append(
            f"{counted(n_marked, 'bin')} outside the spread of bins (q < {SIGNIFICANT:g}, "
            "false discovery rate); side bars: mean z over bins with documents"
        )
    heading(
        figure,
        f"{facts.title}: which regions of the corpus support it",
        lines,
        top=0.975,
        left=0.02,
    )


def _side_bars(columns: Axes, rows: Axes, values: np.ndarray) -> None:
    """Draw format means above the map and topic means to its right."""
    by_format, by_topic = row_means(values, axis=0), row_means(values, axis=1)
    known = np.concatenate([by_format, by_topic])
    known = known[np.isfinite(known)]
    limit = float(np.abs(known).max()) if known.size and np.abs(known).max() > 0 else 1.0
    places = np.arange(len(TOPICS)) + 0.5
    colours = diverging()
    columns.bar(
        np.arange(len(FORMATS)) + 0.5,
        np.nan_to_num(by_format),
        width=0.8,
        color=colours(0.5 + np.nan_to_num(by_format) / (2 * limit)),
        edgecolor=FAINT,
        linewidth=0.3,
    )
    rows.barh(
        places,
        np.nan_to_num(by_topic),
        height=0.8,
        color=colours(0.5 + np.nan_to_num(by_topic) / (2 * limit)),
        edgecolor=FAINT,
        linewidth=0.3,
    )
    columns.set_ylim(-1.1 * limit, 1.1 * limit)
    rows.set_xlim(-1.1 * limit, 1.1 * limit)
    tick = float(f"{limit:.1g}")
    columns.set_ylabel("mean z", fontsize=7)
    rows.set_xlabel("mean z", fontsize=7)
    columns.set_yticks([-tick, 0, tick])
    rows.set_xticks([-tick, 0, tick])
    for axes in (columns, rows):
        axes.tick_params(labelsize=6.5, length=2)
        axes.spines[["left", "bottom"]].set_visible(False)
    columns.axhline(0, color=FAINT, linewidth=0.5)
    rows.axvline(0, color=FAINT, linewidth=0.5)
    columns.tick_params(axis="x", bottom=False, labelbottom=False)
    rows.tick_params(axis="y", left=False, labelleft=False)
