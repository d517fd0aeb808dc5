"""Worlds of contrasts: two benchmarks of unlike scale, noise, questions, tasks and documents."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.contrasts.contrast_errors import (
    family_wise,
    law_of,
    noiseless_scale,
)
from workflow_scripts.influence.contrasts.contrasts import axes
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.resampling import Resampling, from_components
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components
from workflow_scripts.simulation.tables import LEVEL, SEED, Size, standard_error
from workflow_scripts.simulation.world_sites import WORLDS as LAYOUTS
from workflow_scripts.simulation.world_sites import Layout, layouts

BINS = 576


@dataclass(frozen=True)
class Side:
    """One benchmark: its questions and their noise, in standard deviations of a document's effect.

    Attributes:
        queries: number of questions; of each task where there are tasks.
        tasks: number of tasks.
        question_sd: deviation of a bin's score between questions.
        task_sd: deviation of a bin's score between tasks.
        scale: what all scores are multiplied with.
    """

    queries: int = 40
    tasks: int = 1
    question_sd: float = 2.0
    task_sd: float = 0.0
    scale: float = 1.0

    def noisier(self, times: float) -> "Side":
        """The same with more question noise."""
        return replace(self, question_sd=times * self.question_sd)


@dataclass(frozen=True)
class ContrastWorld:
    """Two benchmarks over the same documents.

    Attributes:
        sides: first and second benchmark.
        shared: share of a document's variance that both benchmarks see alike.
        spread: deviation of the true bin means, the same on both sides.
        documents: of a bin, each a fold where nothing brings them together.
        layout: how documents of a bin come together in sites, whose effects vary as much as those
            of documents; None where they do not.
        thin: bins of two documents.
        real: bins whose truth is ``effect`` higher on the first side.
        alike: bins whose truth is as much higher on both sides.
        effect: in standard deviations of a document's effect.
        restless: bins whose documents vary thrice as much on the first side.
    """

    sides: tuple[Side, Side]
    shared: float = 0.0
    spread: float = 1.0
    documents: int = 8
    layout: Layout | None = None
    thin: int = 0
    real: int = 0
    alike: int = 0
    effect: float = 0.0
    restless: int = 0


# World -> its two benchmarks. The number of questions of a task comes before the tasks.
TASKS = {"queries": 10, "task_sd": 2 / 3}
WORLDS = {
    "equal scale": (Side(), Side()),
    "tenfold scale, twice the question noise": (Side(), Side(scale=0.1).noisier(2)),
    "40 v 400 questions, 1.5 times the noise": (Side().noisier(1.5), Side(queries=400)),
    "120 v 120 questions, a third of the scale, twice the noise": (
        Side(queries=120),
        Side(queries=120, scale=1 / 3).noisier(2),
    ),
    "30 v 400 questions": (Side(queries=30), Side(queries=400)),
    "20 v 400 questions": (Side(queries=20), Side(queries=400)),
    "12 v 18 tasks of 10 questions": (Side(tasks=12, **TASKS), Side(tasks=18, **TASKS)),
}
UNEQUAL = (Side().noisier(1.5), Side(queries=400))
HARD = {
    "40 v 400 questions, a topic high on both sides": ContrastWorld(
        UNEQUAL, spread=0.3, alike=24, effect=6.0
    ),
    "36 bins whose documents vary thrice as much on one side": ContrastWorld(
        (Side(), Side()), restless=36
    ),
}
# Documents that come together; questions with so little noise that documents decide.
SITES = {
    f"contrast, {name}": ContrastWorld(
        (Side(question_sd=0.5), Side(question_sd=0.5)), layout=layout
    )
    for name, layout in LAYOUTS.items()
    if layout.kind != "alone"
}
SHARED = (0.0, 0.8)
SITES_SHARED = (0.5,)
THIN = (0, 1, 30)
REAL, EFFECT = 20, 4.2
WEIGHTS = {"first": 1.0, "second": -1.0}


class Documents:
    """Documents, their assignment to folds, and draws of their effects.

    Attributes:
        bins, folds, counts: (G,) int of each (bin, fold) group.
    """

    def __init__(self, world: ContrastWorld, rng: np.random.Generator) -> None:
        """Lay them out; without a layout every document is a fold of its own."""
        if world.layout:
            self.component, fold, _ = layouts(world.layout, rng)
        else:
            fold = np.tile(np.arange(world.documents), (BINS, 1))
            self.component = None
        kept = np.ones(fold.shape, dtype=bool)
        kept[BINS - world.thin :, 2:] = False
        width = 1 + fold.max()
        place = np.where(kept, np.arange(BINS)[:, None] * width + fold, BINS * width)
        self.place, self.shape = place.ravel(), fold.shape
        counts = np.bincount(self.place, minlength=BINS * width + 1)[:-1]
        self.there = np.flatnonzero(counts)
        self.bins, self.folds = np.divmod(self.there, width)
        self.counts = counts[self.there]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(B, n) effects of documents, of variance 1, and as much again of their sites."""
        own = rng.standard_normal(self.shape)
        if self.component is None:
            return own
        return own + np.take_along_axis(rng.standard_normal(self.shape), self.component, axis=1)

    def by_group(self, effects: np.ndarray) -> np.ndarray:
        """(G,) mean of (B, n) effects in each group."""
        sums = np.bincount(self.place, effects.ravel(), minlength=self.there[-1] + 1)
        return sums[self.there] / self.counts


def draw(world: ContrastWorld, rng: np.random.Generator) -> tuple[GroupMeans, GroupMeans]:
    """Group means of both benchmarks: the first bins are the real ones, the last the thin."""
    truth = world.spread * rng.standard_normal(BINS)
    truth[: world.alike] += world.effect
    spread = np.where(np.arange(BINS) < world.restless, 3.0, 1.0)[:, None]
    effects = Documents(world, rng)
    common = effects.draw(rng)
    bins, fold, counts = effects.bins, effects.folds, effects.counts
    lift = np.where(np.arange(BINS) < world.real, world.effect, 0.0)
    made = []
    for side, own, sd in zip(world.sides, (truth + lift, truth), (spread, 1.0), strict=True):
        queries = side.queries * side.tasks
        clusters = np.repeat(np.arange(side.tasks), side.queries)
        document = np.sqrt(world.shared) * common
        document += np.sqrt(1 - world.shared) * effects.draw(rng)
        question = side.question_sd * rng.standard_normal((BINS, queries))
        question += 0.5 * rng.standard_normal(queries)
        question += (side.task_sd * rng.standard_normal((BINS, side.tasks)))[:, clusters]
        means = effects.by_group(own[:, None] + sd * document)[:, None] + question[bins]
        means += rng.standard_normal(means.shape) / np.sqrt(counts)[:, None]
        made.append(
            GroupMeans(
                bins, fold, counts, side.scale * means, clusters if side.tasks >= 6 else None
            )
        )
    return made[0], made[1]


def maps_of(groups: Sequence[GroupMeans]) -> dict[str, Resampling]:
    """Redrawable forms as the study saves them."""
    return {
        name: from_components(components(part), own=True)
        for name, part in zip(WEIGHTS, groups, strict=True)
    }


def calls_of(
    world: ContrastWorld, rng: np.random.Generator, draws: int
) -> dict[str, dict[str, np.ndarray]]:
    """Axis -> ``p`` and ``q`` -> (U,) whether a unit of one drawn pair of maps is called at 5%."""
    parts = maps_of(draw(world, rng))
    known, calls = np.ones(BINS, dtype=bool), {}
    value, errors = noiseless_scale(parts, WEIGHTS, known)
    for axis in axes(known):
        law = law_of(errors, axis.matrix, moderated=True)
        together, alone = family_wise(axis.matrix @ value, law, draws, rng)
        calls[axis.name] = {"p": together < LEVEL, "q": adjust(alone) < LEVEL}
    return calls


def rates(size: Size) -> list[dict[str, Any]]:
    """Null maps with a call in each world, and power with thin bins present."""
    rows = []
    for name, world in {**_plain_worlds(), **HARD, **SITES}.items():
        for shared in SITES_SHARED if world.layout else SHARED:
            rng = stream(SEED, "contrast world", name, shared)
            world = replace(world, shared=shared)
            found = [calls_of(world, rng, size.draws) for _ in range(size.maps)]
            for axis, kind in itertools.product(found[0], ("p", "q")):
                hits = np.array([one[axis][kind].any() for one in found], dtype=float)
                setting = f"{axis}s, {kind} < 5%, shared document noise {shared:g}"
                about = {"world": name, "statistic": "contrast", "setting": setting}
                units = "null maps with a call"
                rows.append(about | _rate(hits) | {"nominal": LEVEL, "units": units})
    for thin in THIN:
        rng = stream(SEED, "contrast power", thin)
        world = ContrastWorld((Side(), Side()), shared=0.5, thin=thin, real=REAL, effect=EFFECT)
        found = [calls_of(world, rng, size.draws)["bin"] for _ in range(size.maps)]
        for kind in ("p", "q"):
            power = np.array([one[kind][:REAL].mean() for one in found])
            about = {"world": f"{REAL} real contrasts, {thin} bins of two documents"}
            about |= {"statistic": "contrast", "setting": f"bins, {kind} < 5%"}
            rows.append(about | _rate(power) | {"nominal": None, "units": "real contrasts called"})
    return rows


def _plain_worlds() -> dict[str, ContrastWorld]:
    return {name: ContrastWorld(sides) for name, sides in WORLDS.items()}


def _rate(values: np.ndarray) -> dict[str, Any]:
    return {
        "maps": len(values),
        "rate": float(values.mean()),
        "rate_se": standard_error(values),
    }
