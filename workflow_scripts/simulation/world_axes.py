"""Rates of topics, the spread of bins and selective inference, in worlds of known truth.

Bins differ by a normal, a Laplace or a t3 spread of variance 1. The tests of topics and formats
see the bins alone; those of bins see documents and questions too (``worlds.Noise``), and the spread
of bins is then 0.6 standard deviations of a document.
"""

from collections.abc import Callable, Iterator

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.axes.marginals import half_width
from workflow_scripts.influence.axes.top_units import top_shares
from workflow_scripts.influence.axes.unit_effects import unit_effects
from workflow_scripts.influence.uncertainty.false_discovery import METHODS, adjust
from workflow_scripts.influence.uncertainty.intervals import Estimates, estimate
from workflow_scripts.influence.uncertainty.selection import fcr_interval
from workflow_scripts.influence.uncertainty.variance_components import Components, components
from workflow_scripts.simulation.tables import SEED, Size, standard_error
from workflow_scripts.simulation.worlds import Noise, fold_means, folds_of, groups_of

SPREADS = ("normal", "laplace", "t3")
SHAPE = (24, 24)
# Of the worlds with documents: spread of bins, in deviations of a document; documents a bin.
SPREAD_OF_BINS, DOCUMENTS = 0.6, 20
# Planted bins there: distances in spreads of bins, four bins each above, two below.
DISTANCES = (1, 2, 3, 4, 6, 8)
HIGHEST = 20
HELD = "called bins held (1 without calls)"
PRIOR = "topics from a normal law"
# Share of the variance that the one bin holds; deviation of topics that all differ.
ONE_BIN, TOPIC_SD = 0.44, 0.3


def rates(size: Size) -> list[dict]:
    """All rates: world, statistic, setting, maps, rate, rate_se, nominal and units."""
    return [*unit_rates(size), *interval_rates(size), *top_rates(size), *bin_rates(size)]


def spread(law: str, rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Draws of mean 0 and variance 1: ``normal``, ``laplace`` or ``t3``."""
    if law == "laplace":
        return rng.laplace(size=size) / np.sqrt(2)
    if law == "t3":
        return rng.standard_t(3, size) / np.sqrt(3)
    return rng.standard_normal(size)


def row(
    world: str, statistic: str, setting: str, values: np.ndarray, nominal: float | None, units: str
) -> dict:
    """One rate, the mean of a value a map; maps that have none (NaN) are left out."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    return {
        "world": world,
        "statistic": statistic,
        "setting": setting,
        "maps": len(known),
        "rate": float(known.mean()) if len(known) else float("nan"),
        "rate_se": standard_error(known) if len(known) else float("nan"),
        "nominal": nominal,
        "units": units,
    }


def unit_worlds() -> dict[str, tuple[Callable[[np.random.Generator], np.ndarray], int]]:
    """Name -> how a map (24, 24) is drawn, and how many of its first rows are planted."""
    made: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], int]] = {}
    for law in SPREADS:
        made[f"{law} bins"] = (lambda rng, law=law: spread(law, rng, SHAPE), 0)
        made[f"{law} bins, formats differ by 1"] = (
            lambda rng, law=law: spread(law, rng, SHAPE) + rng.standard_normal(24),
            0,
        )
        made[f"{law} bins, topics differ by {TOPIC_SD}"] = (
            lambda rng, law=law: spread(law, rng, SHAPE) + TOPIC_SD * rng.standard_normal((24, 1)),
            0,
        )
        for distance in (1, 2, 4, 8):
            made[f"{law} bins, 6 topics with 6 bins {distance} away"] = (
                lambda rng, law=law, distance=distance: planted(spread(law, rng, SHAPE), distance),
                6,
            )
    made["one bin of 44% of the variance"] = (one_bin, 0)
    made["three topics twice as restless"] = (restless, 0)
    return made


def planted(values: np.ndarray, distance: float) -> np.ndarray:
    """Four topics with six support bins each, two with six contradiction bins."""
    values[:4, :6] += distance
    values[4:6, :6] -= distance
    return values


def one_bin(rng: np.random.Generator) -> np.ndarray:
    """A map of which one bin holds ``ONE_BIN`` of the variance."""
    values = rng.standard_normal(SHAPE)
    values[3, 4] = np.sqrt(values.size * ONE_BIN / (1 - ONE_BIN))
    return values


def restless(rng: np.random.Generator) -> np.ndarray:
    """A map whose first three topics have bins of twice the spread."""
    values = rng.standard_normal(SHAPE)
    values[:3] *= 2
    return values


def unit_rates(size: Size) -> Iterator[dict]:
    """Maps with a falsely called topic, and planted topics that are called."""
    for world, (draw, n_planted) in unit_worlds().items():
        rng = stream(SEED, "units", world)
        false, power = [], []
        for _ in range(size.maps):
            called = adjust(unit_effects(draw(rng)).p_value) < SIGNIFICANT
            false.append(called[n_planted:].any())
            power.append(called[:n_planted].mean() if n_planted else np.nan)
        yield row(world, "q_value of topics", "", false, SIGNIFICANT, "maps with a false call")
        if n_planted:
            yield row(world, "q_value of topics", "power", power, None, "planted topics called")


def interval_rates(size: Size) -> Iterator[dict]:
    """Coverage of the intervals of topics, with bins as draws."""
    for law in SPREADS:
        rng = stream(SEED, "unit intervals", law)
        single, band = [], []
        for _ in range(size.maps):
            values = spread(law, rng, SHAPE) + rng.standard_normal(24)
            residual = unit_effects(values).residual
            mean = np.abs(values.mean(axis=1) - values.mean())
            single.append((mean <= half_width(residual, 0.95)).mean())
            band.append((mean <= half_width(residual, 0.95 ** (1 / 24))).all())
        world = f"{law} bins, formats differ by 1"
        yield row(world, "bins interval of topics", "", single, 0.95, "topics held")
        yield row(world, "band of topics", "", band, 0.95, "maps with all topics held")


def top_rates(size: Size, draws: int = 400) -> Iterator[dict]:
    """Of the topics with a given P(top k), how many are truly among the k highest."""
    for k in (1, 3, 5):
        for noise in (0.3, 1.0):
            rng = stream(SEED, "top", k, noise)
            hits: dict[tuple[float, float], list[float]] = {(0.1, 0.3): [], (0.7, 0.9): []}
            stated: dict[tuple[float, float], list[float]] = {bounds: [] for bounds in hits}
            for _ in range(2 * size.maps):
                truth = rng.standard_normal(24)
                error = noise * rng.standard_normal((draws + 1, 24))
                share = top_shares(truth + error[0], error[1:], (k,), rng)[0]
                top = np.argsort(np.argsort(-truth)) < k
                for low, high in hits:
                    inside = (share >= low) & (share < high)
                    hits[low, high] += top[inside].astype(float).tolist()
                    stated[low, high] += share[inside].tolist()
            for (low, high), found in hits.items():
                setting = f"top {k}, noise {noise:g}, stated {low:g} to {high:g}"
                nominal = float(np.mean(stated[low, high])) if found else None
                yield row(PRIOR, "p_top", setting, found, nominal, "such topics in the top")


def bin_map(
    law: str, with_planted: bool, rng: np.random.Generator
) -> tuple[Components, np.ndarray, np.ndarray]:
    """One map with documents: components, true means, and each bin's planted distance."""
    distance = np.zeros(576)
    if with_planted:
        distance[:24] = np.resize(DISTANCES, 24)
        distance[24:36] = -np.resize(DISTANCES, 12)
    truth = SPREAD_OF_BINS * (spread(law, rng, (576,)) + distance)
    means, counts = fold_means(rng.standard_normal((576, DOCUMENTS)), folds_of(DOCUMENTS))
    groups = groups_of(means + truth[:, None], counts, Noise(), rng)
    return components(groups), truth, distance


def bin_rates(size: Size) -> Iterator[dict]:
    """Calls of bins by each control, and intervals of what was called."""
    for law in SPREADS:
        for with_planted in (False, True):
            world = f"{law} spread of bins" + (", 36 planted" if with_planted else "")
            rng = stream(SEED, "spread of bins", world)
            maps = [bin_map(law, with_planted, rng) for _ in range(size.maps)]
            found = [estimate(parts) for parts, _, _ in maps]
            for method in METHODS:
                q = [_q(one, parts, method) for one, (parts, _, _) in zip(found, maps, strict=True)]
                yield from _calls(world, method, q, maps)
                yield from _held(world, method, q, maps, found)
            yield from _highest(world, maps, found)


def _q(found: Estimates, parts: Components, method: str) -> np.ndarray:
    return adjust(found.p_unusual, method, parts.influence - np.median(parts.influence))


def _calls(world: str, method: str, q: list[np.ndarray], maps: list) -> Iterator[dict]:
    """False calls a map, their share of the calls, and power by planted distance."""
    called = [one < SIGNIFICANT for one in q]
    with_planted = bool(maps[0][2].any())
    ordinary = [
        one[distance == 0].sum() for one, (_, _, distance) in zip(called, maps, strict=True)
    ]
    yield row(world, "q_unusual", method, ordinary, None, "false calls a map")
    # Where bins differ in truth, q promises the share of the calls that are false.
    nominal = None if with_planted else SIGNIFICANT
    any_call = np.array(ordinary) > 0
    yield row(world, "q_unusual", method, any_call, nominal, "maps with a false call")
    if with_planted:
        share = np.array(ordinary) / [max(one.sum(), 1) for one in called]
        yield row(world, "q_unusual", method, share, SIGNIFICANT, "share of calls that are false")
    for size in DISTANCES if with_planted else ():
        power = [
            one[np.abs(distance) == size].mean()
            for one, (_, _, distance) in zip(called, maps, strict=True)
        ]
        yield row(world, "q_unusual", f"{method}, {size} spreads away", power, None, "bins called")


def _held(
    world: str, method: str, q: list[np.ndarray], maps: list, found: list[Estimates]
) -> Iterator[dict]:
    """Intervals of the called bins that hold the truth; 1 where none is called."""
    ci, fcr = [], []
    for one, (parts, truth, _), errors in zip(q, maps, found, strict=True):
        within, adjusted = _within(parts, truth, errors, one)
        called = one < SIGNIFICANT
        ci.append(within[called].mean() if called.any() else 1.0)
        fcr.append(adjusted[called].mean() if called.any() else 1.0)
    # For comparison: what intervals of single bins do to those that were chosen by their size.
    yield row(world, "ci of bins", method, ci, None, HELD)
    yield row(world, "fcr interval of bins", method, fcr, 0.95, HELD)


def _highest(world: str, maps: list, found: list[Estimates]) -> Iterator[dict]:
    """Intervals of the highest bins that hold the truth."""
    ci, fcr = [], []
    for (parts, truth, _), errors in zip(maps, found, strict=True):
        top = np.argsort(-parts.influence)[:HIGHEST]
        chosen = np.ones(len(truth))
        chosen[top] = 0.0
        within, adjusted = _within(parts, truth, errors, chosen)
        ci.append(within[top].mean())
        fcr.append(adjusted[top].mean())
    for name, held, nominal in (("ci of bins", ci, None), ("fcr interval of bins", fcr, 0.95)):
        yield row(world, name, f"{HIGHEST} highest", held, nominal, "bins held")


def _within(
    parts: Components, truth: np.ndarray, errors: Estimates, q: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """True means within each bin's interval, and within its interval as a called bin: bool."""
    low, high = fcr_interval(parts, q, 0.95)
    within = (errors.ci_low <= truth) & (truth <= errors.ci_high)
    return within, (low <= truth) & (truth <= high)
