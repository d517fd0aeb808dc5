"""Draw the rooms of the code in the order in which they may import one another.

    python -m workflow_scripts.tools.room_graph docs/images/rooms.png

Rooms, their order and their imports are those that ``tests/test_rooms.py`` holds. A band is a run
of rooms of one stage; an arrow leads from a band to one that it imports. Left out are arrows that
others imply, and those to ``common``, which every band imports.
"""

import argparse
import runpy
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Curve

from workflow_scripts.common.files import atomic_path
from workflow_scripts.report.style import DPI, FAINT, INK, new_figure, style
from workflow_scripts.tools.rule_graph import COLOURS, Edge, reduced

ROOT = Path(__file__).resolve().parents[2]
SHARED = "common"
PLAIN = "#efefef"  # ground of a band that is no stage of the rules
# Inches: from a band's edge to its rooms, a letter, a room's height, a lane of arrows.
NAME, LETTER, HEIGHT, LANE = 1.35, 0.078, 0.26, 0.19
BAND, GAP, ROW = 6.9, 0.13, 0.34  # width of a band, between bands, between rows of rooms
PAD = 0.09  # around a room's name, and between rooms
TITLES = 0.45  # above the first band
TITLE = "A room imports rooms above it. Arrows: what a stage imports, less what others imply"


@dataclass(frozen=True)
class Band:
    """A run of rooms of one stage in the order.

    Attributes:
        stage: the folder below ``workflow_scripts``.
        rooms: names of the rooms below it, ``corpus/`` for the stage's folder itself.
    """

    stage: str
    rooms: tuple[str, ...]


def read_rooms() -> tuple[list[str], set[Edge]]:
    """Rooms in their order, and pairs (room, room that it imports), as the test holds them."""
    held: dict[str, Any] = runpy.run_path(str(ROOT / "tests" / "test_rooms.py"))
    modules, room_of = held["MODULES"], held["room_of"]
    pairs = {
        (room_of(name), room_of(other))
        for name, path in modules.items()
        for other in held["imported"](path)
    }
    return held["ORDER"], {pair for pair in pairs if "." not in pair and pair[0] != pair[1]}


def bands_of(order: Sequence[str]) -> list[Band]:
    """Neighbours in the order that are of one stage, as bands."""
    runs = groupby(order, key=lambda room: room.split("/")[0])
    return [
        Band(stage, tuple(room.partition("/")[2] or f"{stage}/" for room in run))
        for stage, run in runs
    ]


def band_edges(order: Sequence[str], imports: Iterable[Edge]) -> list[tuple[int, int]]:
    """Arrows between bands by their numbers, (importing, imported), without implied ones."""
    band_of_each = (number for number, band in enumerate(bands_of(order)) for _ in band.rooms)
    place = dict(zip(order, band_of_each, strict=True))
    names = {number: f"{number:02d}" for number in place.values()}
    shared = {number for room, number in place.items() if room.split("/")[0] == SHARED}
    pairs = {(place[a], place[b]) for a, b in imports if not {place[a], place[b]} & shared}
    few = reduced((names[a], names[b]) for a, b in pairs if a != b)
    return sorted((int(a), int(b)) for a, b in few)


def lanes_of(edges: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Lane of every arrow beside the bands: no two in one lane overlap, short ones lie inside."""
    lanes: list[list[tuple[int, int]]] = []
    found = {}
    for edge in sorted(edges, key=lambda each: (each[0] - each[1], each)):
        free = (
            number
            for number, lane in enumerate(lanes)
            if all(edge[1] >= other[0] or edge[0] <= other[1] for other in lane)
        )
        number = next(free, len(lanes))
        if number == len(lanes):
            lanes.append([])
        lanes[number].append(edge)
        found[edge] = number
    return found


def rows_of(rooms: Sequence[str]) -> list[list[str]]:
    """Rooms of a band in rows that fit its width."""
    rows: list[list[str]] = [[]]
    across = NAME
    for room in rooms:
        width = _width(room)
        if rows[-1] and across + width + PAD > BAND:
            rows.append([])
            across = NAME
        rows[-1].append(room)
        across += width + PAD
    return rows


def _width(room: str) -> float:
    return LETTER * len(room) + 2 * PAD


def described(order: Sequence[str], edges: Iterable[tuple[int, int]]) -> str:
    """Content of the picture in one line of text, stored in its file."""
    return f"{' '.join(order)}; {' '.join(f'{a}>{b}' for a, b in edges)}"


def draw(order: Sequence[str], imports: Iterable[Edge], png: Path) -> None:
    """Draw and save the rooms and the arrows between their stages."""
    bands, edges = bands_of(order), band_edges(order, imports)
    lanes = lanes_of(edges)
    heights = [ROW * len(rows_of(band.rooms)) + PAD for band in bands]
    tops = [-sum(heights[:number]) - GAP * number for number in range(len(bands))]
    width = BAND + LANE * (max(lanes.values(), default=0) + 2)
    height = sum(heights) + GAP * len(bands) + TITLES
    with style():
        figure = new_figure(width + 2 * PAD, height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-PAD, width + PAD), ylim=(TITLES - height, TITLES))
        axes.axis("off")
        axes.text(0, TITLES / 2, TITLE, fontsize=10, va="center")
        for band, top, depth in zip(bands, tops, heights, strict=True):
            _draw_band(axes, band, top, depth)
        for (low, high), lane in lanes.items():
            # Arrows leave in the upper half of a band and arrive in the lower half.
            start, end = tops[low] - 0.3 * heights[low], tops[high] - 0.7 * heights[high]
            _arrow(axes, BAND + LANE * (lane + 1), start, end)
        with atomic_path(png) as temporary:
            metadata = {"Software": None, "Description": described(order, edges)}
            figure.savefig(temporary, format="png", dpi=DPI, metadata=metadata)


def _draw_band(axes: Axes, band: Band, top: float, depth: float) -> None:
    """A stage's name and its rooms."""
    colour = COLOURS.get(band.stage, PLAIN)
    _box(axes, 0, top - depth, BAND, depth, colour)
    axes.text(PAD, top - depth / 2, band.stage, fontsize=10, fontweight="bold", va="center")
    for number, row in enumerate(rows_of(band.rooms)):
        across = NAME
        for room in row:
            foot = top - ROW * number - (ROW + PAD + HEIGHT) / 2
            _box(axes, across, foot, _width(room), HEIGHT, "white")
            axes.text(
                across + _width(room) / 2,
                foot + HEIGHT / 2,
                room,
                fontsize=9,
                ha="center",
                va="center",
                color=INK,
            )
            across += _width(room) + PAD


def _box(axes: Axes, left: float, foot: float, width: float, height: float, colour: str) -> None:
    shape = "round,pad=0,rounding_size=0.05"
    axes.add_patch(
        FancyBboxPatch(
            (left, foot), width, height, boxstyle=shape, facecolor=colour, edgecolor=FAINT, lw=0.6
        )
    )


def _arrow(axes: Axes, lane: float, start: float, end: float) -> None:
    """From the right edge of one band along a lane up to the right edge of another."""
    bend = 0.08
    vertices = [(BAND, start), (lane - bend, start), (lane, start), (lane, start + bend)]
    vertices += [(lane, end - bend), (lane, end), (lane - bend, end), (BAND + 0.02, end)]
    codes = [Curve.MOVETO, Curve.LINETO, Curve.CURVE3, Curve.CURVE3]
    codes += [Curve.LINETO, Curve.CURVE3, Curve.CURVE3, Curve.LINETO]
    axes.add_patch(
        FancyArrowPatch(
            path=Curve(vertices, codes), arrowstyle="-|>", mutation_scale=8, color="#8a8a8a"
        )
    )


def main() -> int:
    """Read the rooms from the test that holds them, draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("png", type=Path, help="where the picture goes")
    order, imports = read_rooms()
    draw(order, imports, parser.parse_args().png)
    return 0


if __name__ == "__main__":
    sys.exit(main())
