"""Maps whose documents come in sites or near-duplicates, and the statistics of such maps.

A document's score on a question is the truth of its bin + effect of its site + effect of its text +
effect of the question + noise of the cell. Effects of sites vary as much as those of texts. The
sites, or groups of near-duplicates, of a bin are assigned whole to folds, as the draw does.
"""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components
from workflow_scripts.simulation.score_law import committed_law
from workflow_scripts.simulation.tables import LEVEL, SEED, Size, standard_error
from workflow_scripts.simulation.worlds import (
    DOSES,
    N_FOLDS,
    SPREAD,
    SUPPORT,
    Noise,
    World,
    carriers,
)

BINS = 576
SITE_SD = 1.0
# Half of the noise of a document x question cell is that of its site x question.
SHARED_CELLS = 0.5
ZIPF_SITES, ZIPF_POWER = 200, 1.5
THREE_SHARES = (0.5, 0.3, 0.2)
COPIES_GROUPS, COPIES_SIZE = 10, 0.05


@dataclass(frozen=True)
class Layout:
    """Clustering of the documents of a bin.

    Attributes:
        kind: ``alone``, every document its own site; ``zipf``, sites of a Zipf law of power 1.5;
            ``one site`` that holds ``share`` of the bin, the others alone; ``three sites`` of
            50, 30 and 20%; ``copies``, ten groups of near-duplicates across sites, each a
            twentieth of the bin, the others alone.
        share: of the one large site.
        bins: share of the bins that are so; the others are ``alone``.
        documents: of a bin.
    """

    kind: str
    share: float = 0.0
    bins: float = 1.0
    documents: int = 200


WORLDS = {
    "8 documents": Layout("alone", documents=8),
    "20 documents": Layout("alone", documents=20),
    "100 documents": Layout("alone", documents=100),
    "200 documents": Layout("alone"),
    "Zipf sites": Layout("zipf"),
    "Zipf sites in 5% of bins": Layout("zipf", bins=0.05),
    **{
        f"one site of {share}%{where}": Layout("one site", share / 100, bins)
        for share in (30, 50, 70)
        for where, bins in (("", 1.0), (" in 5% of bins", 0.05))
    },
    "three sites": Layout("three sites"),
    "three sites in 5% of bins": Layout("three sites", bins=0.05),
    "near-duplicates across sites": Layout("copies"),
    "near-duplicates across sites in 5% of bins": Layout("copies", bins=0.05),
}
# Spread of the true means of ordinary bins: none, and that of the planted study.
SPREADS = (0.0, SPREAD)
# Name of a rate -> nominal value, and what it is a rate of.
NULL_RATES = {
    "false calls": (0.05, "null maps with a call at q < 0.05"),
    "coverage": (0.95, "95% intervals of the bins that have the layout"),
    "p_value": (0.05, "those bins with p_value < 0.05"),
}


def components_of(layout: Layout, rng: np.random.Generator) -> np.ndarray:
    """(documents,) int component of each document of a bin, in the order of the draw."""
    n = layout.documents
    if layout.kind == "alone":
        return np.arange(n)
    if layout.kind == "zipf":
        weight = np.arange(1, ZIPF_SITES + 1) ** -ZIPF_POWER
        return rng.choice(ZIPF_SITES, n, p=weight / weight.sum())
    if layout.kind == "three sites":
        sizes = np.round(np.array(THREE_SHARES) * n).astype(int)
    elif layout.kind == "one site":
        sizes = np.array([round(layout.share * n)])
    elif layout.kind == "copies":
        sizes = np.full(COPIES_GROUPS, round(COPIES_SIZE * n))
    else:
        raise ValueError(f"layout {layout.kind!r} is not known")
    sizes = np.r_[sizes, np.ones(n - sizes.sum(), int)]
    return rng.permutation(np.repeat(np.arange(len(sizes)), sizes))


def deal(component: np.ndarray, folds: int = N_FOLDS) -> np.ndarray:
    """(n,) int fold of each document: components whole, round-robin by first appearance."""
    _, first, owner = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[owner.reshape(-1)] % folds


def layouts(layout: Layout, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components of all bins.

    Returns:
        (576, n) int component and (576, n) int fold of each document, and (576,) bool, which
        bins have the layout.
    """
    chosen = np.zeros(BINS, dtype=bool)
    chosen[rng.permutation(BINS)[: round(layout.bins * BINS)]] = True
    alone = Layout("alone", documents=layout.documents)
    component = np.stack([components_of(layout if has else alone, rng) for has in chosen])
    return component, np.stack([deal(row) for row in component]), chosen


def draw_site_map(
    rng: np.random.Generator,
    layout: Layout,
    planted: bool = False,
    spread: float = SPREAD,
    noise: Noise | None = None,
) -> tuple[World, np.ndarray]:
    """One map of 576 bins of such documents.

    Args:
        rng: generator.
        layout: of the bins.
        planted: 24 support bins in the planted study's doses, at random places.
        spread: deviation of the true means of ordinary bins.
        noise: questions and their noise.

    Returns:
        The map with its truth, and (576,) bool, which bins have the layout.
    """
    noise = noise or Noise()
    component, fold, chosen = layouts(layout, rng)
    n = layout.documents
    text, site = rng.standard_normal((2, BINS, n))
    own, shared = (site, text) if layout.kind == "copies" else (text, site)
    effects = own + SITE_SD * np.take_along_axis(shared, component, axis=1)
    truth = spread * rng.standard_normal(BINS)
    effects += truth[:, None]
    role, dose = np.full(BINS, "ordinary", dtype="U13"), np.zeros(BINS)
    if planted:
        bins = rng.permutation(BINS)[:SUPPORT]
        role[bins], dose[bins] = "support", np.resize(DOSES, SUPPORT)
        carried = carriers(dose[bins], n, rng) * 1.0
        effects[bins] += carried * committed_law().draw("support", rng, carried.shape)
        truth[bins] += dose[bins] * committed_law().mean("support")
    groups = group_effects(effects, component, fold, noise, rng)
    return World(groups, truth, role, dose), chosen


def group_effects(
    effects: np.ndarray,
    component: np.ndarray,
    fold: np.ndarray,
    noise: Noise,
    rng: np.random.Generator,
) -> GroupMeans:
    """Mean scores of (bin, fold) groups on every question.

    Args:
        effects: (B, n) truth and effects of each document.
        component: (B, n) int, below n.
        fold: (B, n) int.
        noise: questions and their noise.
        rng: generator.
    """
    bins, n = effects.shape
    row = np.arange(bins)[:, None]
    place = (row * N_FOLDS + fold).ravel()
    counts = np.bincount(place, minlength=bins * N_FOLDS)
    means = np.bincount(place, effects.ravel(), minlength=len(counts))
    sizes = np.bincount((row * n + component).ravel(), minlength=bins * n).reshape(bins, n)
    # Over the documents of a fold, each with the size of its component: the sum of squared sizes.
    squares = np.bincount(
        place, np.take_along_axis(sizes, component, axis=1).ravel(), minlength=len(counts)
    )
    there = np.flatnonzero(counts)
    count = counts[there]
    together = (1 - SHARED_CELLS) * count + SHARED_CELLS * squares[there]
    loading = 1 + noise.loading_sd * rng.standard_normal(bins)
    query = noise.query_sd * rng.standard_normal(noise.queries)
    cells = rng.standard_normal((len(there), noise.queries))
    cells *= noise.interaction_sd * (np.sqrt(together) / count)[:, None]
    cells += (means[there] / count)[:, None] + loading[there // N_FOLDS, None] * query
    return GroupMeans(there // N_FOLDS, there % N_FOLDS, count, cells)


def rates(size: Size) -> list[dict]:
    """False calls, coverage and power in every world of sites.

    Args:
        size: ``maps`` maps of each world and spread, and as many with support bins.

    Returns:
        Rows with the keys of :func:`rate_row`.
    """
    rows = []
    for world, layout in WORLDS.items():
        for spread in SPREADS:
            rng = stream(SEED, "sites", world, str(spread))
            found = [null_map(rng, layout, spread) for _ in range(size.maps)]
            setting = f"no unusual bin, spread of bins {spread:g}"
            for name, (nominal, units) in NULL_RATES.items():
                values = np.array([each[name] for each in found if name in each])
                if not len(values):
                    continue
                rows.append(rate_row(world, name, setting, values, nominal, units))
        rng = stream(SEED, "sites", world, "planted")
        powers = [planted_map(rng, layout) for _ in range(size.maps)]
        for dose in sorted(set(DOSES)):
            values = np.array([each[dose] for each in powers])
            setting = f"dose {dose:g}, spread of bins {SPREAD:g}"
            rows.append(rate_row(world, "power", setting, values, None, "support bins called"))
    return rows


def null_map(rng: np.random.Generator, layout: Layout, spread: float) -> dict[str, float]:
    """False positives of one map without unusual bins; keys of ``NULL_RATES``.

    ``p_value`` is left out where bins differ: its null hypothesis is then false.
    """
    world, chosen = draw_site_map(rng, layout, spread=spread)
    found = estimate(components(world.groups))
    held = (found.ci_low <= world.truth) & (world.truth <= found.ci_high)
    rates = {
        "false calls": float((adjust(found.p_unusual) < LEVEL).any()),
        "coverage": float(held[chosen].mean()),
    }
    if spread == 0:
        rates["p_value"] = float((found.p_value[chosen] < LEVEL).mean())
    return rates


def planted_map(rng: np.random.Generator, layout: Layout) -> dict[float, float]:
    """Share of the support bins of each dose that one map calls."""
    world, _ = draw_site_map(rng, layout, planted=True)
    called = adjust(estimate(components(world.groups)).p_unusual) < LEVEL
    return {dose: float(called[world.dose == dose].mean()) for dose in set(DOSES)}


def rate_row(
    world: str, statistic: str, setting: str, values: np.ndarray, nominal: float | None, units: str
) -> dict:
    """One row of the table of rates; the error is that of a mean over maps."""
    return {
        "world": world,
        "statistic": statistic,
        "setting": setting,
        "maps": len(values),
        "rate": float(values.mean()),
        "rate_se": standard_error(values),
        "nominal": nominal,
        "units": units,
    }
