"""The picture of the rooms (``make graph``): every room once, arrows upward, none lost."""

from itertools import combinations

import pytest
from PIL import Image

from tests.workflow.clone import ROOT
from workflow_scripts.tools.room_graph import (
    BAND,
    NAME,
    PAD,
    _width,
    band_edges,
    bands_of,
    described,
    draw,
    lanes_of,
    read_rooms,
    rows_of,
)

ORDER = ["b", "common", "a/x", "a", "b/y"]


@pytest.fixture(scope="module")
def rooms():
    return read_rooms()


def test_bands_are_runs_of_one_stage_in_the_order():
    bands = [(band.stage, band.rooms) for band in bands_of(ORDER)]
    assert bands == [
        ("b", ("b/",)),
        ("common", ("common/",)),
        ("a", ("x", "a/")),
        ("b", ("y",)),
    ]


def test_arrows_lead_upward_without_implied_ones_and_those_to_common():
    imports = [("a", "b"), ("a", "common"), ("b/y", "a/x"), ("b/y", "b"), ("a", "a/x")]
    assert band_edges(ORDER, imports) == [(2, 0), (3, 2)]


def test_arrows_of_one_lane_do_not_overlap(rooms):
    edges = band_edges(*rooms)
    assert edges and all(low > high for low, high in edges)
    lanes = lanes_of(edges)
    assert set(lanes) == set(edges)
    for one, two in combinations(edges, 2):
        if lanes[one] == lanes[two]:
            assert one[1] >= two[0] or two[1] >= one[0]


def test_every_room_is_in_a_row_that_its_band_holds(rooms):
    bands = bands_of(rooms[0])
    assert sum(len(band.rooms) for band in bands) == len(rooms[0])
    for band in bands:
        rows = rows_of(band.rooms)
        assert tuple(room for row in rows for room in row) == band.rooms
        for row in rows:
            assert NAME + sum(_width(room) + PAD for room in row) <= BAND


def test_bytes_repeat_and_the_stored_picture_shows_the_rooms_of_today(rooms, tmp_path):
    for name in ("one.png", "two.png"):
        draw(*rooms, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    today = described(rooms[0], band_edges(*rooms))
    stored = Image.open(ROOT / "docs" / "images" / "rooms.png").text["Description"]
    assert stored == today, "draw it again: make graph"


def test_the_page_says_what_every_room_holds(rooms):
    page = (ROOT / "docs" / "architecture.md").read_text()
    for stage, _, room in (each.partition("/") for each in rooms[0]):
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {stage} |")]
        assert not room or f"`{room}`" in row, f"{stage}/{room}"
