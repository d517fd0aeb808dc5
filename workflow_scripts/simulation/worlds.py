"""Maps whose truth is known, drawn from a law of document scores.

A document's score on a question is

    truth of its bin + document effect + loading x question effect + noise of the cell,

the loading being the bin's. Fold means are made of fold means of each part, which has the same
law as averaging the cells, so that 10,000 documents a bin cost no more memory than their
effects.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.simulation.score_law import ScoreLaw, committed_law

N_FOLDS = 16
# Of the planted study: documents of a bin that carry the capability.
DOSES = (0.25, 0.5, 0.5, 0.75, 0.75, 1.0)
SUPPORT, CONTRADICTION, RESTLESS = 24, 12, 36
# Spread of the true means of ordinary bins, in standard deviations of a document: 0.05 to 0.23
# in the four maps of the planted study.
SPREAD = 0.2
# Bins are planted in batches of so many documents, of which a dose is a whole number.
BATCH = 12


@dataclass(frozen=True)
class Noise:
    """Questions and their noise, in standard deviations of a document's effect.

    Attributes:
        queries: number of questions.
        query_sd: deviation of question effects, shared by all bins at loadings around 1.
        loading_sd: deviation of those loadings between bins.
        interaction_sd: deviation of the noise in each document x question cell.
    """

    queries: int = 40
    query_sd: float = 0.3
    loading_sd: float = 0.3
    interaction_sd: float = 1.5


@dataclass(frozen=True)
class World:
    """One drawn map of a world with unusual bins, and its truth.

    Attributes:
        groups: mean scores of the (bin, fold) groups.
        truth: (576,) true means.
        role: (576,) ``ordinary``, ``support``, ``contradiction`` or ``restless``.
        dose: (576,) share of the bin's documents that carry the role's scores.
    """

    groups: GroupMeans
    truth: np.ndarray
    role: np.ndarray
    dose: np.ndarray


def draw(law: str, rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Document effects of mean 0 and variance 1.

    Args:
        law: ``normal``; ``t4``, Student's t with 4 degrees; ``lognormal``; ``mixture``, 7% of the
            documents six deviations above and 4% as far below the rest; ``planted``, ``ordinary``:
            the laws ``any`` and ``ordinary`` of the planted study.
        rng: generator.
        size: shape.

    Raises:
        ValueError: the law is not known.
    """
    if law == "normal":
        return rng.standard_normal(size)
    if law == "t4":
        return rng.standard_t(4, size) / np.sqrt(2)
    if law == "lognormal":
        return (np.exp(rng.standard_normal(size)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
    if law == "mixture":
        lot = rng.random(size)
        values = rng.standard_normal(size) + 6.0 * (lot < 0.07) - 6.0 * (lot > 0.96)
        return (values - 6 * 0.03) / np.sqrt(1 + 36 * (0.11 - 0.03**2))
    if law in ("planted", "ordinary"):
        return committed_law().draw("any" if law == "planted" else law, rng, size)
    raise ValueError(f"law {law!r} is not known")


def folds_of(documents: int) -> np.ndarray:
    """Fold of each of a bin's documents, assigned round-robin as the draw does."""
    return np.arange(documents) % N_FOLDS


def fold_means(effects: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, F) means of (B, n) document effects over the F folds, and (F,) documents of each."""
    counts = np.bincount(folds)
    member = (folds[:, None] == np.arange(len(counts))) / counts  # (n, F)
    return effects @ member, counts


def groups_of(
    means: np.ndarray, counts: np.ndarray, noise: Noise, rng: np.random.Generator
) -> GroupMeans:
    """Group means on every question from (B, F) true means and effects of documents.

    Args:
        means: (B, F) truth and document effects of each bin and fold.
        counts: (F,) documents of each fold.
        noise: questions and their noise.
        rng: generator.
    """
    bins, folds = means.shape
    loading = 1 + noise.loading_sd * rng.standard_normal(bins)
    query = noise.query_sd * rng.standard_normal(noise.queries)
    cells = rng.standard_normal((bins, folds, noise.queries))
    cells *= (noise.interaction_sd / np.sqrt(counts))[:, None]
    cells += means[:, :, None] + (loading[:, None] * query)[:, None]
    return GroupMeans(
        np.repeat(np.arange(bins), folds),
        np.tile(np.arange(folds), bins),
        np.tile(counts, bins),
        cells.reshape(bins * folds, noise.queries),
    )


def simulate(
    rng: np.random.Generator,
    *,
    law: str = "normal",
    bins: int = 576,
    folds: Sequence[int] = tuple(range(8)),
    noise: Noise | None = None,
    uneven_bins: bool = False,
    site_sd: float = 0.0,
    spread: float = 0.0,
) -> tuple[GroupMeans, np.ndarray]:
    """One map without planted bins.

    Args:
        rng: generator.
        law: of the document effects, see :func:`draw`.
        bins: number of bins.
        folds: fold of each document of a bin.
        noise: questions and their noise.
        uneven_bins: document variances differ between bins (inverse gamma, shape 3, mean 1.5).
        site_sd: deviation of an effect that a fold's documents share.
        spread: deviation of the true bin means.

    Returns:
        group means, (bins,) true means.
    """
    folds = np.asarray(folds)
    truth = spread * rng.standard_normal(bins)
    means, counts = fold_means(draw(law, rng, (bins, len(folds))), folds)
    if uneven_bins:
        means *= np.sqrt(1 / rng.gamma(3, 1 / 3, bins))[:, None]
    if site_sd:
        means += site_sd * rng.standard_normal(means.shape)
    return groups_of(means + truth[:, None], counts, noise or Noise(), rng), truth


def draw_world(
    rng: np.random.Generator,
    kind: str,
    documents: int,
    law: ScoreLaw | None = None,
    noise: Noise | None = None,
) -> World:
    """One map of 576 bins under the planted study's laws of scores.

    Args:
        rng: generator.
        kind: ``null``, ordinary bins that differ a little; ``restless``, in which the documents
            of 36 of them scatter like those of support bins around an ordinary mean;
            ``planted``, with 24 support and 12 contradiction bins in the study's doses.
        documents: documents drawn in each bin.
        law: of the scores; the committed one by default.
        noise: questions and their noise.
    """
    values, *known = draw_documents(rng, kind, documents, law)
    means, counts = fold_means(values, folds_of(documents))
    return World(groups_of(means, counts, noise or Noise(), rng), *known)


def draw_documents(
    rng: np.random.Generator, kind: str, documents: int, law: ScoreLaw | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(576, documents) true scores of the documents; truth, role, dose of :class:`World`.

    Arguments are those of :func:`draw_world`.
    """
    law = law or committed_law()
    role, dose = np.full(576, "ordinary", dtype="U13"), np.zeros(576)
    if kind == "planted":
        role[:SUPPORT], role[SUPPORT : SUPPORT + CONTRADICTION] = "support", "contradiction"
        planted = SUPPORT + CONTRADICTION
        dose[:planted] = np.resize(DOSES, planted)
    elif kind == "restless":
        role[:RESTLESS], dose[:RESTLESS] = "restless", 0.5
    base = SPREAD * rng.standard_normal(576)
    effects = law.draw("ordinary", rng, (576, documents))
    truth = base.copy()
    for name in ("support", "contradiction"):
        chosen = np.flatnonzero(role == name)
        carries = carriers(dose[chosen], documents, rng)
        drawn = law.draw(name, rng, carries.shape)
        effects[chosen] = np.where(carries, drawn, effects[chosen])
        truth[chosen] += dose[chosen] * law.mean(name)
    restless = np.flatnonzero(role == "restless")
    sign = rng.choice([-1.0, 0.0, 0.0, 1.0], size=(len(restless), documents))
    drawn = sign * law.draw("support", rng, sign.shape)
    effects[restless] = np.where(sign != 0, drawn, effects[restless])
    return effects + base[:, None], truth, role, dose


def carriers(dose: np.ndarray, documents: int, rng: np.random.Generator) -> np.ndarray:
    """(B, documents) whether a drawn document carries the capability.

    The draw is without replacement. A bin holds 12 documents, as in the planted study, for a
    draw of up to 12, and ten times those drawn for a larger one.
    """
    held = BATCH if documents <= BATCH else 10 * BATCH * -(-documents // BATCH)
    carry = np.arange(held) < (dose * held)[:, None] - 1e-9  # (B, held)
    return rng.permuted(carry, axis=1)[:, :documents]
