"""Figures of the simulation: coverage, power and false discovery."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.common.files import atomic_path
from workflow_scripts.report.style import DPI, FAINT, style

COLOURS = ("#222222", "#c44e52", "#2f6db3", "#e6a532", "#9a9a9a")
MARKERS = ("o", "s", "^", "D", "v")
WORLD_NAMES = {
    ("null", "normal"): "no unusual bin,\nnormal scores",
    ("null", "ordinary"): "no unusual bin,\nordinary documents",
    ("null", "planted"): "no unusual bin,\nall planted scores",
    ("restless", "ordinary"): "36 bins of mixed\ndocuments",
    ("planted", "ordinary"): "24 support, 12\ncontradiction bins",
}


def draw_figures(folder: Path) -> None:
    """Write coverage.png, power.png, false_discovery.png beside the tables that they show."""
    names = ("coverage", "coverage_by_role", "power", "false_discovery")
    coverage, by_role, power, false = (pl.read_csv(folder / f"{name}.csv") for name in names)
    save(folder / "coverage.png", 2, lambda axes: draw_coverage(axes, coverage, by_role))
    save(folder / "power.png", 1, lambda axes: draw_power(axes[0], power))
    save(folder / "false_discovery.png", 1.6, lambda axes: draw_false(axes[0], false))


def save(path: Path, width: float, draw: Callable[[list[Axes]], None]) -> None:
    """Draw into a row of panels (``width``, rounded down) and write the same bytes each time."""
    with style():
        figure = Figure(figsize=(4.2 * width + 1.2, 3.2), layout="constrained")
        draw(list(figure.subplots(1, int(width), squeeze=False)[0]))
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def draw_coverage(axes: list[Axes], coverage: pl.DataFrame, by_role: pl.DataFrame) -> None:
    """Left: coverage by documents a bin and law. Right: by role and dose, own and moderated."""
    left, right = axes
    for colour, marker, (law, rows) in zip(COLOURS, MARKERS, groups(coverage, "law"), strict=False):
        error = (1.96 * rows["coverage_se"]).to_list()
        x, y = rows["documents"].to_list(), rows["coverage"].to_list()
        left.errorbar(x, y, error, label=law, color=colour, marker=marker, ms=4, lw=1)
    left.set_xscale("log")
    left.set(xlabel="documents a bin", ylabel="95% intervals that hold the truth")
    left.legend(title="law of the scores", loc="lower right")
    rows = by_role.filter(world="planted", documents=by_role["documents"].min())
    labels = [
        f"{row['role']}\n{row['dose']:.0%}" if row["dose"] else row["role"]
        for row in rows.iter_rows(named=True)
    ]
    for colour, method in zip(COLOURS[:2], ("own", "moderated"), strict=True):
        right.errorbar(
            range(len(labels)),
            rows[method].to_list(),
            (1.96 * rows[f"{method}_se"]).to_list(),
            color=colour,
            fmt="o" if method == "own" else "s",
            ms=4,
            label=f"{method} variance" + (" (reported)" if method == "own" else ""),
        )
    right.set_xticks(range(len(labels)), labels, rotation=60, fontsize=6)
    right.set_title(f"planted world, {rows['documents'][0]} documents a bin", fontsize=8)
    right.legend(loc="lower right")
    for axis in axes:
        axis.axhspan(0.92, 0.97, color="#e9f0e4", zorder=0)
        axis.axhline(0.95, color=FAINT, lw=0.6)
        axis.set_ylim(0.78, 1.005)


def draw_power(axis: Axes, power: pl.DataFrame) -> None:
    """Support bins found at q < 0.05 by dose, one line for each number of documents a bin."""
    rows = power.filter(world="planted", role="support").sort("dose")
    for colour, marker, (documents, part) in zip(
        COLOURS, MARKERS, groups(rows, "documents"), strict=False
    ):
        for method, line in (("bh", "-"), ("p_max", ":")):
            axis.errorbar(
                part["dose"].to_list(),
                part[method].to_list(),
                (1.96 * part[f"{method}_se"]).to_list(),
                color=colour,
                marker=marker,
                ms=4,
                lw=1,
                ls=line,
                label=f"{documents} documents, {'q (BH)' if method == 'bh' else method}",
            )
    axis.axhline(0.9, color=FAINT, lw=0.6)
    axis.set(xlabel="share of the bin's documents that support", ylim=(-0.02, 1.02))
    axis.set_ylabel("support bins called at 5%")
    axis.legend(loc="lower right", fontsize=6)


def draw_false(axis: Axes, false: pl.DataFrame) -> None:
    """Achieved false discovery rate by world; the documents a bin side by side."""
    places = {key: index for index, key in enumerate(WORLD_NAMES)}
    documents = sorted(false["documents"].unique())
    for index, method in enumerate(("bh", "by", "p_max")):
        rows = false.filter(method=method)
        x = [
            places[row["world"], row["law"]]
            + 0.25 * (index - 1)
            + 0.06 * (documents.index(row["documents"]) - (len(documents) - 1) / 2)
            for row in rows.iter_rows(named=True)
        ]
        axis.errorbar(
            x,
            rows["false_discovery_rate"].to_list(),
            (1.96 * rows["false_discovery_rate_se"]).to_list(),
            fmt=MARKERS[index],
            ms=3,
            lw=0.8,
            color=COLOURS[index],
            label={"bh": "q (BH)", "by": "q (BY)", "p_max": "p_max"}[method],
        )
    axis.axhline(0.05, color=FAINT, lw=0.6)
    axis.set_xticks(range(len(places)), list(WORLD_NAMES.values()), fontsize=6)
    axis.set_ylabel("false discovery rate at 5%")
    axis.set_ylim(bottom=0)
    axis.set_title(f"{', '.join(map(str, documents))} documents a bin, left to right", fontsize=8)
    axis.legend(loc="upper right")


def groups(frame: pl.DataFrame, column: str) -> Iterator[tuple[object, pl.DataFrame]]:
    """Key and rows of each group, in order of appearance."""
    for (key,), rows in frame.group_by(column, maintain_order=True):
        yield key, rows
