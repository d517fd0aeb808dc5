"""Coverage of the intervals, false discoveries and power, measured on simulated maps."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.family_wise import Family, family_wise
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import (
    Components,
    combine,
    components,
)
from workflow_scripts.simulation.worlds import (
    SPREAD,
    Noise,
    World,
    draw_world,
    folds_of,
    simulate,
)

SEED = 42
LEVEL = 0.05
LAWS = ("normal", "planted", "t4", "mixture", "lognormal")
DOCUMENTS = (8, 20, 100, 1000, 10_000)
METHODS = ("bh", "by", "p_max")
# World and law of the documents of its ordinary bins.
WORLDS = (
    ("null", "normal"),
    ("null", "ordinary"),
    ("null", "planted"),
    ("restless", "ordinary"),
    ("planted", "ordinary"),
)


@dataclass(frozen=True)
class Size:
    """Size of the simulation.

    Attributes:
        coverage_maps: maps of each row of the coverage table.
        coverage_bins: bins of each of those maps. Questions are drawn once a map, so that many
            small maps are more informative than few big ones.
        documents: documents a bin of the coverage table.
        maps: maps of each row of the discovery tables, 576 bins each.
        map_documents: documents a bin there.
        draws: redrawn maps behind each ``p_max``, and relabellings behind a correlation's p.
        pairs: pairs of maps of each setting of the correlated maps.
        splits: random halves of the documents behind their cross-half correlation.
    """

    coverage_maps: int = 400
    coverage_bins: int = 24
    documents: tuple[int, ...] = DOCUMENTS
    maps: int = 200
    map_documents: tuple[int, ...] = (8, 20, 100)
    draws: int = 199
    pairs: int = 400
    splits: int = 50


QUICK = Size(
    coverage_maps=12, documents=(8, 20), maps=3, map_documents=(8,), draws=99, pairs=3, splits=10
)


def coverage_table(size: Size) -> pl.DataFrame:
    """Share of the 95% intervals that hold the true mean, by law and documents a bin."""
    rows = []
    for law in LAWS:
        for documents in size.documents:
            rng = stream(SEED, "coverage", law, documents)
            rows.append({"law": law, "documents": documents} | coverage(rng, law, documents, size))
    return pl.DataFrame(rows)


def coverage(
    rng: np.random.Generator, law: str, documents: int, size: Size
) -> dict[str, float | int]:
    """One row of the coverage table.

    Returns:
        maps, bins, coverage; its standard error over maps; shares of intervals above and below
        the truth; mean width of the intervals against 2 x 1.96 true standard errors.
    """
    bins, noise = size.coverage_bins, Noise()
    low, high, width = [], [], []
    for _ in range(size.coverage_maps):
        groups, truth = simulate(rng, law=law, bins=bins, folds=folds_of(documents), noise=noise)
        found = estimate(components(groups))
        low.append(found.ci_low[:bins] > truth)
        high.append(found.ci_high[:bins] < truth)
        width.append(found.ci_high[:bins] - found.ci_low[:bins])
    of_query = (1 + noise.loading_sd**2) * noise.query_sd**2 / noise.queries
    variance = (1 + noise.interaction_sd**2 / noise.queries) / documents + of_query
    held = 1 - np.mean(low, axis=1) - np.mean(high, axis=1)
    return {
        "maps": size.coverage_maps,
        "bins": bins,
        "coverage": float(held.mean()),
        "coverage_se": standard_error(held),
        "interval_above": float(np.mean(low)),
        "interval_below": float(np.mean(high)),
        "relative_width": float(np.mean(width) / (2 * stats.norm.ppf(0.975) * np.sqrt(variance))),
    }


def standard_error(values: np.ndarray) -> float:
    """Of the mean of independent values; 0 with a single one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def discovery_tables(size: Size) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """False discoveries, power, and coverage by role, over redrawn documents.

    Returns:
        ``false_discovery``: by world, law, documents and method, the share of maps in which any
        bin is called falsely, and the mean share of false calls among the calls (0 without
        calls). ``power``: of the bins of each role and dose, the share called.
        ``coverage_by_role``: intervals from the bin's own variance, as reported, and from the
        moderated one.
    """
    false, power, covered = [], [], []
    for kind, law in WORLDS:
        for documents in size.map_documents:
            rng = stream(SEED, "discoveries", kind, law, documents)
            judged = [judge(world, size.draws) for world in worlds(rng, kind, law, documents, size)]
            key = {"world": kind, "law": law, "documents": documents, "maps": len(judged)}
            false += [key | false_row(judged, method) for method in METHODS]
            if kind != "null":
                power += [key | row for row in role_rows(judged, METHODS)]
                covered += [key | row for row in role_rows(judged, ("own", "moderated"))]
    return pl.DataFrame(false), pl.DataFrame(power), pl.DataFrame(covered)


def worlds(
    rng: np.random.Generator, kind: str, law: str, documents: int, size: Size
) -> Iterator[World]:
    """The drawn maps of one row."""
    for _ in range(size.maps):
        if kind != "null":
            yield draw_world(rng, kind, documents)
            continue
        groups, truth = simulate(rng, law=law, folds=folds_of(documents), spread=SPREAD)
        yield World(groups, truth, np.full(576, "ordinary"), np.zeros(576))


@dataclass(frozen=True)
class Judged:
    """One map after the statistics: (576,) bool by method, with the truth beside it."""

    yes: dict[str, np.ndarray]
    role: np.ndarray
    dose: np.ndarray


def judge(world: World, draws: int) -> Judged:
    """Bins that each method calls at 5%, and intervals that hold the truth."""
    parts = components(world.groups)
    found = estimate(parts)
    seed = int(world.groups.counts.sum())
    yes = {
        "bh": adjust(found.p_unusual, "bh") < LEVEL,
        "by": adjust(found.p_unusual, "by") < LEVEL,
        "p_max": family_wise(parts, found, Family(seed, draws)) <= LEVEL,
        "own": (found.ci_low <= world.truth) & (world.truth <= found.ci_high),
        "moderated": np.abs(parts.influence - world.truth) <= moderated_width(parts),
    }
    return Judged(yes, world.role, world.dose)


def moderated_width(parts: Components) -> np.ndarray:
    """Half-width of the intervals that the moderated document variance would give."""
    variance, df = combine(
        parts.v_fold,
        parts.df_fold,
        parts.v_query,
        parts.v_interaction,
        parts.n_clusters,
    )
    return stats.t.ppf(0.975, df) * np.sqrt(variance)


def false_row(judged: list[Judged], method: str) -> dict[str, float | str]:
    """False calls of one method over the maps; support and contradiction are true."""
    false = np.array(
        [
            (item.yes[method] & ~np.isin(item.role, ["support", "contradiction"])).sum()
            for item in judged
        ]
    )
    called = np.array([item.yes[method].sum() for item in judged])
    share = false / np.maximum(called, 1)
    return {
        "method": method,
        "maps_with_false_calls": float(np.mean(false > 0)),
        "false_discovery_rate": float(share.mean()),
        "false_discovery_rate_se": standard_error(share),
        "calls_per_map": float(called.mean()),
    }


def role_rows(judged: list[Judged], methods: tuple[str, ...]) -> Iterator[dict]:
    """Share of the bins of each role and dose for which each method says yes."""
    role, dose = judged[0].role, judged[0].dose
    for name, share in sorted(set(zip(role.tolist(), dose.tolist(), strict=True))):
        chosen = (role == name) & (dose == share)
        yes = {
            method: np.array([item.yes[method][chosen].mean() for item in judged])
            for method in methods
        }
        yield {"role": name, "dose": share, "bins_per_map": int(chosen.sum())} | {
            key: value
            for method, shares in yes.items()
            for key, value in (
                (method, float(shares.mean())),
                (f"{method}_se", standard_error(shares)),
            )
        }
