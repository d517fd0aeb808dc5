"""Pairs of a document to forget and its control: the best that are alike on average.

Matching by integer programming with balance constraints (Zubizarreta 2012, doi
10.1080/01621459.2012.703874): the sets are chosen together, so that their means agree, instead of
document by document in the hope that they will.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, hstack
from scipy.sparse.csgraph import maximum_bipartite_matching

COVARIATES = ("n_tokens", "loss")
# Standardised difference of the means below which no more of influence is given up for balance.
# 0.1 is the customary mark of a negligible one (Austin 2009, doi 10.1002/sim.3697).
NEGLIGIBLE = 0.1
# A pair one standard deviation apart counts as so much less influence, as a share of its range:
# decides between controls, never between documents to forget.
DISTANCE_WEIGHT = 1e-3
# Of equal scores, the first in order is taken.
ORDER_WEIGHT = 1e-4
# Cost of a difference of the means beyond the negligible, against 1 for the range of influence:
# balance comes first.
IMBALANCE_WEIGHT = 100.0
# Documents looked at for each that is wanted, from the highest influence down; four times as many
# while these have too few controls, or none that make the sides alike.
WINDOW = 4


@dataclass(frozen=True)
class Edges:
    """Pairs that may be formed.

    Attributes:
        upper: (m,) position of the document to forget.
        pool: (m,) position of its control.
        differences: (m, 2) document minus control, in standard deviations.
    """

    upper: np.ndarray
    pool: np.ndarray
    differences: np.ndarray

    def within(self, last: int) -> "Edges":
        """Those of the first ``last`` documents to forget."""
        kept = self.upper < last
        return Edges(self.upper[kept], self.pool[kept], self.differences[kept])

    def most(self) -> int:
        """Most pairs that can be formed at once, each document in one."""
        if not len(self.upper):
            return 0
        graph = csr_array((np.ones(len(self.upper), bool), (self.upper, self.pool)))
        return int((maximum_bipartite_matching(graph) >= 0).sum())


def match_pairs(
    upper: pl.DataFrame,
    pool: pl.DataFrame,
    scale: np.ndarray,
    size: int,
    caliper: float,
    candidates: int,
) -> tuple[list[int], list[int], int]:
    """The ``size`` pairs of most influence whose sides are alike on average.

    Args:
        upper: documents to forget, by falling influence: format, score, n_tokens, loss.
        pool: possible controls, with the same columns.
        scale: (2,) what the covariates are divided by.
        size: pairs wanted.
        caliper: largest difference of a pair in either covariate, in units of ``scale``.
        candidates: controls considered for each document, the nearest.

    Returns:
        Positions in ``upper``, positions in ``pool``, and how many pairs there could have been;
        where that is below ``size``, no pairs.
    """
    edges = find_edges(upper, pool, scale, caliper, candidates)
    score, last = upper["score"].to_numpy(), WINDOW * size
    while True:
        seen = edges.within(last)
        most, whole = seen.most(), last >= upper.height
        if most >= size:
            chosen = best_edges(seen, score, size)
            apart = np.abs(seen.differences[chosen].mean(axis=0)).max()
            if whole or apart <= NEGLIGIBLE + 1e-6:
                return seen.upper[chosen].tolist(), seen.pool[chosen].tolist(), most
        elif whole:
            return [], [], most
        last *= 4


def draw_controls(
    targeted: pl.DataFrame,
    pool: pl.DataFrame,
    scale: np.ndarray,
    caliper: float,
    candidates: int,
    rng: np.random.Generator,
) -> list[int]:
    """A control for each document, drawn at random among those that may be, alike on average.

    For each document ``candidates`` controls are drawn of those of its format within the caliper
    (all, where too few of the drawn are alike), and of these the pairs are chosen by random costs
    under the same constraint on the means: nothing about a control counts but its format, length
    and base loss.

    Args:
        targeted: documents to match: format, n_tokens, loss.
        pool: possible controls, with the same columns, without the targeted.
        scale: (2,) what the covariates are divided by.
        caliper: largest difference of a pair in either covariate, in units of ``scale``.
        candidates: controls drawn for each document.
        rng: of the draws.

    Returns:
        Position in ``pool`` of each document's control; empty where they cannot all have one.
    """
    count = candidates
    while True:
        edges, whole = find_edges(targeted, pool, scale, caliper, count, rng), count >= pool.height
        if edges.most() == targeted.height:
            costs = rng.random(len(edges.upper))
            chosen = best_edges(edges, np.zeros(targeted.height), targeted.height, costs)
            apart = np.abs(edges.differences[chosen].mean(axis=0)).max()
            if whole or apart <= NEGLIGIBLE + 1e-6:
                return edges.pool[chosen[np.argsort(edges.upper[chosen])]].tolist()
        elif whole:
            return []
        count *= 4


def find_edges(
    upper: pl.DataFrame,
    pool: pl.DataFrame,
    scale: np.ndarray,
    caliper: float,
    candidates: int,
    rng: np.random.Generator | None = None,
) -> Edges:
    """Pairs of one format within the caliper: each document's nearest controls, or any drawn."""
    own, other = (side.select(COVARIATES).to_numpy() / scale for side in (upper, pool))
    formats = pool["format"].to_numpy()
    places = {fmt: np.flatnonzero(formats == fmt) for fmt in np.unique(formats)}
    rows, columns = [], []
    for row, fmt in enumerate(upper["format"]):
        there = places.get(fmt, np.empty(0, dtype=int))
        away = np.abs(other[there] - own[row])
        near = np.flatnonzero(away.max(axis=-1, initial=0.0) <= caliper)
        if rng is None:
            order = np.argsort(np.square(away[near]).sum(axis=-1), kind="stable")[:candidates]
        else:
            order = np.sort(rng.permutation(len(near))[:candidates])
        columns.append(there[near[order]])
        rows.append(np.full(len(order), row))
    i = np.concatenate([*rows, np.empty(0, int)]).astype(int)
    j = np.concatenate([*columns, np.empty(0, int)]).astype(int)
    return Edges(i, j, own[i] - other[j])


def best_edges(
    edges: Edges, score: np.ndarray, size: int, dealt: np.ndarray | None = None
) -> np.ndarray:
    """Choose the edges to take by an integer program.

    Variables are one 0/1 per edge and one t >= 0. Each document is in at most one pair, ``size``
    pairs are taken, and the means of each covariate differ by at most ``NEGLIGIBLE`` + t.
    Maximised is influence, less distance (or less ``dealt``), less t.

    Args:
        edges: pairs that may be formed, ``size`` of them at once.
        score: (n_upper,) influence of the documents to forget.
        size: pairs to take.
        dealt: (n_edges,) random costs in [0, 1) instead of distance.

    Returns:
        (size,) positions of the edges taken.
    """
    n_edges, n_covariates = edges.differences.shape
    scores = score[edges.upper]
    gain = (scores - scores.min()) / (np.ptp(scores) or 1.0)
    if dealt is None:
        cost = DISTANCE_WEIGHT * np.square(edges.differences).sum(axis=-1) - gain
        cost += ORDER_WEIGHT * edges.upper / (edges.upper.max() + 1)
    else:
        cost = dealt - gain
    once = [_incidence(side, n_edges) for side in (edges.upper, edges.pool)]
    means = edges.differences.T / size
    slack = np.full((n_covariates, 1), -1.0)
    result = milp(
        np.append(cost, IMBALANCE_WEIGHT),
        constraints=[
            *(LinearConstraint(matrix, ub=1) for matrix in once),
            LinearConstraint(np.append(np.ones(n_edges), 0.0), size, size),
            LinearConstraint(np.hstack([means, slack]), ub=NEGLIGIBLE),
            LinearConstraint(np.hstack([-means, slack]), ub=NEGLIGIBLE),
        ],
        integrality=np.append(np.ones(n_edges), 0),
        bounds=Bounds(0, np.append(np.ones(n_edges), np.inf)),
        # Nodes are bounded, not seconds: the answer must not depend on how busy the machine is.
        options={"node_limit": 10_000, "mip_rel_gap": 1e-5},
    )
    assert result.x is not None, result.message
    return np.flatnonzero(result.x[:n_edges] > 0.5)


def _incidence(positions: np.ndarray, n_edges: int) -> csr_array:
    """One row per document, one column per edge (1 where the edge has it) and one for t."""
    shape = (int(positions.max()) + 1, n_edges)
    matrix = coo_array((np.ones(n_edges), (positions, np.arange(n_edges))), shape=shape)
    return csr_array(hstack([matrix, coo_array((shape[0], 1))]))
