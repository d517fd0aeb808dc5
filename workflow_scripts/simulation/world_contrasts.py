"""Worlds of contrasts: two benchmarks of unlike scale, noise, questions and tasks."""

from dataclasses import dataclass, replace

import numpy as np

from workflow_scripts.influence.components import GroupMeans

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
        documents: of a bin, each a fold.
        thin: bins of two documents.
        real: bins whose truth is ``effect`` higher on the first side.
        effect: in standard deviations of a document's effect.
    """

    sides: tuple[Side, Side]
    shared: float = 0.0
    spread: float = 1.0
    documents: int = 8
    thin: int = 0
    real: int = 0
    effect: float = 0.0


def draw(world: ContrastWorld, rng: np.random.Generator) -> tuple[GroupMeans, GroupMeans]:
    """Group means of both benchmarks: the first bins are the real ones, the last the thin."""
    folds = world.documents
    truth = world.spread * rng.standard_normal(BINS)
    common = rng.standard_normal((BINS, folds))
    kept = np.ones((BINS, folds), dtype=bool)
    kept[BINS - world.thin :, 2:] = False
    bins, fold = np.nonzero(kept)
    lift = np.where(np.arange(BINS) < world.real, world.effect, 0.0)
    made = []
    for side, own in zip(world.sides, (truth + lift, truth), strict=True):
        queries = side.queries * side.tasks
        clusters = np.repeat(np.arange(side.tasks), side.queries)
        document = np.sqrt(world.shared) * common
        document += np.sqrt(1 - world.shared) * rng.standard_normal((BINS, folds))
        question = side.question_sd * rng.standard_normal((BINS, queries))
        question += 0.5 * rng.standard_normal(queries)
        question += (side.task_sd * rng.standard_normal((BINS, side.tasks)))[:, clusters]
        means = (own[:, None] + document)[kept][:, None] + question[bins]
        means += rng.standard_normal(means.shape)
        counts = np.ones(len(bins), dtype=np.int64)
        made.append(
            GroupMeans(
                bins, fold, counts, side.scale * means, clusters if side.tasks >= 6 else None
            )
        )
    return made[0], made[1]
