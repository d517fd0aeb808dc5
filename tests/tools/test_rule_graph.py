"""The picture of the rules (``make graph``): nothing lost but what is implied, nothing overlaps."""

from itertools import combinations, pairwise

import matplotlib.image
import numpy as np

from tests.workflow.clone import ROOT
from workflow_scripts.preflight.costs.resources import DEMANDS
from workflow_scripts.tools.rule_graph import (
    COLUMN,
    LANE,
    draw,
    layers_of,
    places,
    read_edges,
    reduced,
    routes,
)

DOT = """digraph snakemake_dag {
    0[label = "all", color = "0.00 0.6 0.85"];
    1[label = "late", color = "0.5 0.6 0.85"];
    2[label = "early", color = "0.5 0.6 0.85"];
    1 -> 0
    2 -> 1
}"""
STORED = (ROOT / "tests" / "workflow" / "edges.txt").read_text().splitlines()
EDGES = [tuple(line.split(" -> ")) for line in STORED if not line.endswith("-> all")]


def reachable(edges):
    """All pairs (a, b) with a path from a to b."""
    pairs = set(edges)
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


def test_edges_are_read_from_the_dot_text_without_the_target():
    assert read_edges(DOT) == [("early", "late")]


def test_a_rule_stands_below_all_that_it_needs():
    layer = layers_of(EDGES)
    assert all(layer[a] < layer[b] for a, b in EDGES)
    assert layers_of([("a", "b"), ("b", "c"), ("a", "c")]) == {"a": 0, "b": 1, "c": 2}


def test_edges_left_out_are_implied_by_the_others_and_no_other_is_too_many():
    few = reduced(EDGES)
    assert len(few) < len(EDGES)
    assert reachable(few) == reachable(EDGES)
    for edge in few:
        assert edge not in reachable(set(few) - {edge})


def test_boxes_and_arrows_of_a_layer_keep_their_distance():
    layer = layers_of(EDGES)
    paths = routes(reduced(EDGES), layer)
    across = places(paths, layer)
    depth = {node: layer[path[0][0]] + n for path in paths for n, node in enumerate(path)}
    for path in paths:
        assert [depth[b] - depth[a] for a, b in pairwise(path)] == [1] * (len(path) - 1)
    half = {node: COLUMN / 2 if len(node) == 1 else LANE / 2 for node in across}
    for a, b in combinations(across, 2):
        if depth[a] == depth[b]:
            assert abs(across[a] - across[b]) >= half[a] + half[b] - 1e-9


def test_every_rule_is_drawn_and_the_bytes_repeat(tmp_path):
    stages = {rule: demand.stage for rule, demand in DEMANDS.items()}
    for name in ("one.png", "two.png"):
        draw(EDGES, {"estimate_bins": 4}, stages, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    picture = matplotlib.image.imread(tmp_path / "one.png")
    assert picture.shape[0] > 1000 and np.ptp(picture) > 0.5
