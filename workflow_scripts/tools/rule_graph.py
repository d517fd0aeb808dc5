"""Draw the graph of rules: what each needs, in layers, coloured by stage.

    snakemake --rulegraph dot | python -m workflow_scripts.tools.rule_graph docs/images/rules.png

Reads the graph as Snakemake prints it. A rule is drawn below all that it needs. Arrows that others
imply are left out.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path as Curve

from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.files import atomic_path
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import make_plan
from workflow_scripts.report.style import DPI, FAINT, INK, new_figure, style

# Light grounds, for the names on them are dark.
COLOURS = {
    "corpus": "#f3d9a4",
    "model": "#f6c3b0",
    "benchmarks": "#e9c6dd",
    "attribution": "#bcd9ef",
    "influence": "#9fc5e8",
    "unlearning": "#f2b8b8",
    "validation": "#bfe0c8",
    "report": "#dddddd",
}
SWEEPS = 24
WIDTH, HEIGHT = 1.75, 0.36  # of a box, in inches
COLUMN, ROW = 1.95, 0.66  # between boxes
LANE = 0.35  # room of an arrow that passes a layer

Edge = tuple[str, str]
Node = tuple[str, ...]


def read_edges(dot: str) -> list[Edge]:
    """Edges between rules in Snakemake's ``--rulegraph dot``, without the target ``all``."""
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', dot))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", dot)}
    return sorted(edge for edge in edges if "all" not in edge)


def layers_of(edges: Iterable[Edge]) -> dict[str, int]:
    """Layer of every rule: the most steps that lead to it."""
    edges = list(edges)
    layer = {name: 0 for edge in edges for name in edge}
    for _ in layer:
        for a, b in edges:
            layer[b] = max(layer[b], layer[a] + 1)
    return layer


def reduced(edges: Iterable[Edge]) -> list[Edge]:
    """The edges that no other path implies."""
    edges = set(edges)
    after: dict[str, set[str]] = {}
    for name, _ in sorted(layers_of(edges).items(), key=lambda pair: -pair[1]):
        direct = {b for a, b in edges if a == name}
        after[name] = direct.union(*(after[b] for b in direct))
    implied = {
        (a, b) for a, b in edges if any(b in after[c] for d, c in edges if d == a and c != b)
    }
    return sorted(edges - implied)


def routes(edges: Iterable[Edge], layer: Mapping[str, int]) -> list[list[Node]]:
    """Every edge as the nodes it passes: the rules at its ends, a place in each layer between."""
    found = []
    for a, b in edges:
        between = [(a, b, str(depth)) for depth in range(layer[a] + 1, layer[b])]
        found.append([(a,), *between, (b,)])
    return found


def places(paths: list[list[Node]], layer: Mapping[str, int]) -> dict[Node, float]:
    """Place of every node across its layer, in inches: few crossings, arrows nearly straight.

    Layers are put in the order of the mean place of their neighbours, back and forth (the
    barycentre method: Sugiyama, Tagawa and Toda 1981); then nodes move toward their neighbours.
    """
    rows: list[list[Node]] = [[] for _ in range(max(layer.values()) + 1)]
    near: dict[Node, list[Node]] = {}
    for path in paths:
        for depth, node in enumerate(path, start=layer[path[0][0]]):
            if node not in near:
                rows[depth].append(node)
                near[node] = []
        for a, b in pairwise(path):
            near[a].append(b)
            near[b].append(a)
    across = {node: float(place) for row in rows for place, node in enumerate(row)}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = {node: np.mean([across[other] for other in near[node]]) for node in row}
            row.sort(key=lambda node: (wanted[node], node))
            across.update(zip(row, _spread(row, [wanted[node] for node in row]), strict=True))
    return across


def _spread(row: list[Node], wanted: list[float]) -> np.ndarray:
    """Places in this order, as near to the wanted ones as the widths of the nodes allow."""
    half = np.array([COLUMN / 2 if len(node) == 1 else LANE / 2 for node in row])
    gaps = np.concatenate([[0], np.cumsum(half[:-1] + half[1:])])
    free = np.array(wanted) - gaps
    # Never closer than the gaps: the mean of the tightest fits from the left and from the right.
    left = np.maximum.accumulate(free)
    right = np.minimum.accumulate(free[::-1])[::-1]
    return (left + right) / 2 + gaps


def draw(edges: list[Edge], jobs: Mapping[str, int], stages: Mapping[str, str], png: Path) -> None:
    """Draw and save the graph; ``jobs`` and ``stages`` by rule."""
    layer = layers_of(edges)
    paths = routes(reduced(edges), layer)
    across = places(paths, layer)
    low = min(across.values()) - COLUMN / 2
    width, height = max(across.values()) - low + COLUMN / 2, (max(layer.values()) + 1) * ROW
    with style():
        figure = new_figure(width, height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(low, low + width), ylim=(-height + ROW / 2, ROW / 2))
        axes.axis("off")
        for path in paths:
            start = layer[path[0][0]]
            _arrow(axes, [(across[node], -ROW * (start + n)) for n, node in enumerate(path)])
        for name, depth in layer.items():
            count = f"  x {jobs[name]}" if jobs.get(name, 1) > 1 else ""
            _box(axes, across[(name,)], -ROW * depth, name + count, COLOURS[stages[name]])
        used = [stage for stage in COLOURS if stage in {stages[name] for name in layer}]
        handles = [Patch(facecolor=COLOURS[stage], edgecolor=FAINT, label=stage) for stage in used]
        axes.legend(handles=handles, loc="upper right", title="stage", fontsize=9)
        with atomic_path(png) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    shape = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch(
            corner, WIDTH, HEIGHT, boxstyle=shape, facecolor=colour, edgecolor=FAINT, zorder=2
        )
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=9, color=INK, zorder=3)


def _arrow(axes: Axes, points: list[tuple[float, float]]) -> None:
    """A smooth line through the points, from the foot of the first box to the head of the last."""
    vertices, codes = [(points[0][0], points[0][1] - HEIGHT / 2)], [Curve.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        # Straight down beside the boxes of a layer that it passes, a bend between layers.
        foot, middle, head = y0 - HEIGHT / 2, (y0 + y1) / 2, y1 + HEIGHT / 2
        vertices += [(x0, foot), (x0, middle), (x1, middle), (x1, head)]
        codes += [Curve.LINETO, *[Curve.CURVE4] * 3]
    axes.add_patch(
        FancyArrowPatch(
            path=Curve(vertices, codes), arrowstyle="-|>", mutation_scale=8, color="#9a9a9a"
        )
    )


def main() -> int:
    """Read the graph from the standard input, draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("png", type=Path, help="where the picture goes")
    png = parser.parse_args().png
    rules = make_plan(sizes_of(load_study())).rules
    jobs, stages = ({each.rule: getattr(each, k) for each in rules} for k in ("jobs", "stage"))
    draw(read_edges(sys.stdin.read()), jobs, stages, png)
    return 0


if __name__ == "__main__":
    sys.exit(main())
