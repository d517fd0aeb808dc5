"""Forget sets of the arms, and the documents that all of them retain.

The arms of a benchmark and topic hold equally many documents of the topic:

- ``targeted``: the highest influence on the benchmark;
- ``random``: a control for each targeted document, of the same format, as long and as hard,
  redrawn with each seed from all documents of the topic but the targeted; what the primary
  difference is taken from;
- ``low``: controls alike, from the lower half of the topic by influence, the best matches there
  are;
- ``bottom``: the lowest influence;
- ``similar``: the most words in common with the questions (BM25);
- ``other``: the highest influence on another benchmark;
- ``longest``: the most tokens.

A comparison says something only where there is something to compare with (common support): a
document without a control of low influence within the caliper is passed over, and of the others
those are targeted that have the most influence while the two sets are alike on average.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stable_hash, stream
from workflow_scripts.unlearning.arms import (
    BOTTOM,
    CONTROL,
    LONGEST,
    LOW,
    OTHER,
    RANDOM,
    RETAIN,
    SIMILAR,
    TARGETED,
)
from workflow_scripts.unlearning.selection.matching import COVARIATES, draw_controls, match_pairs

# Column by which the documents of an arm are the highest.
HIGHEST = {SIMILAR: "words", OTHER: "score_other", LONGEST: "n_tokens"}


@dataclass(frozen=True)
class SetSettings:
    """Size and matching of the sets.

    Attributes:
        documents: documents in each forget set.
        retain_documents: documents in the retain set.
        control_share: share of the topic, its lowest ranks, that low controls are taken from.
        candidates: low controls drawn at random per format and targeted document; and the nearest
            of them, or for the random arm any, that are considered for one document.
        caliper: largest difference of a pair in length or base loss, in standard deviations over
            the topic.
        max_difference: largest standardised difference of the means that counts as matched.
    """

    documents: int
    retain_documents: int
    control_share: float = 0.5
    candidates: int = 8
    caliper: float = 0.75
    max_difference: float = 0.25


def forget_sets(
    documents: pl.DataFrame,
    settings: SetSettings,
    seed: int,
    where: str,
    arms: Collection[str] = (RANDOM, LOW, BOTTOM),
) -> dict[str, pl.DataFrame]:
    """Forget set of each arm.

    Args:
        documents: the topic's documents: doc_id, format, score (influence on the benchmark),
            n_tokens, loss (of the base model, nats per token); for the arms that need it
            ``words`` (word match with the questions) and ``score_other`` (influence on another
            benchmark).
        settings: see :class:`SetSettings`.
        seed: draws the random arm, and the candidates of the low arm.
        where: benchmark and topic, for messages.
        arms: of ``COMPARED``, what targeted is compared with.

    Returns:
        Per arm, targeted first, ``documents`` rows of the input with the column ``matched_to``:
        the targeted document that one of a matched arm is matched with, else null.

    Raises:
        DataError: the topic is too small for three sets, or has too few controls.
    """
    size = settings.documents
    if documents.height < 3 * size:
        raise DataError(
            f"{where} has {documents.height} documents; three forget sets of "
            f"unlearning.documents ({size}) need {3 * size}: lower it or choose another topic"
        )
    ranked = documents.sort(["score", "doc_id"], descending=[True, False])
    # As for a matched sample: the spread before matching is the unit, so that matching does not
    # move the yardstick.
    scale = _spread(documents)
    targeted, low = _targeted_and_low(ranked, scale, settings, seed, where)
    sets = {TARGETED: _unmatched(targeted)}
    for arm in arms:
        if arm == LOW:
            sets[arm] = low
        elif arm == RANDOM:
            sets[arm] = _random(ranked, targeted, scale, settings, seed)
        elif arm == BOTTOM:
            sets[arm] = _unmatched(ranked.tail(size))
        else:
            highest = ranked.sort([HIGHEST[arm], "doc_id"], descending=[True, False])
            sets[arm] = _unmatched(highest.head(size))
    return {arm: rows.sort("doc_id") for arm, rows in sets.items()}


def _targeted_and_low(
    ranked: pl.DataFrame, scale: np.ndarray, settings: SetSettings, seed: int, where: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The documents of most influence that have controls of low influence, and these controls."""
    size = settings.documents
    first_control = ranked.height - round(settings.control_share * ranked.height)
    upper = ranked[: min(first_control, ranked.height - size)]
    pool = _candidates(ranked[upper.height : ranked.height - size], settings, seed)
    chosen, controls, most = match_pairs(
        upper, pool, scale, size, settings.caliper, settings.candidates
    )
    if most < size:
        raise DataError(
            f"{where}: only {most} of the {upper.height} documents of higher influence have "
            f"a control (same format, length and base loss within unlearning.caliper); "
            f"unlearning.documents asks for {size}: lower it, or raise unlearning.caliper or "
            "unlearning.control_share"
        )
    targeted = upper[chosen]
    return targeted, pool[controls].with_columns(matched_to=targeted["doc_id"])


def _random(
    ranked: pl.DataFrame,
    targeted: pl.DataFrame,
    scale: np.ndarray,
    settings: SetSettings,
    seed: int,
) -> pl.DataFrame:
    """Controls from all of the topic but the targeted, redrawn with each seed."""
    pool = ranked.join(targeted.select("doc_id"), on="doc_id", how="anti").sort("doc_id")
    rng = stream(seed, "random arm")
    controls = draw_controls(targeted, pool, scale, settings.caliper, settings.candidates, rng)
    # There are some: the controls of low influence are among those that may be drawn.
    return pool[controls].with_columns(matched_to=targeted["doc_id"])


def _unmatched(documents: pl.DataFrame) -> pl.DataFrame:
    return documents.with_columns(matched_to=pl.lit(None, pl.String))


def _candidates(pool: pl.DataFrame, settings: SetSettings, seed: int) -> pl.DataFrame:
    """Controls to choose among: drawn at random within each format, all where there are few."""
    parts = []
    for (fmt,), free in pool.sort("doc_id").group_by("format", maintain_order=True):
        drawn = stream(seed, "candidates", fmt).permutation(free.height)
        kept = np.sort(drawn[: settings.candidates * settings.documents])
        parts.append(free[kept.tolist()])
    return pl.concat(parts).sort("doc_id") if parts else pool


def _spread(documents: pl.DataFrame) -> np.ndarray:
    """Sample standard deviation of the covariates over the topic, 1 where they do not vary."""
    spread = documents.select(COVARIATES).to_numpy().std(axis=0, ddof=1)
    return np.where(spread > 0, spread, 1.0)


def balance(
    sets: dict[str, pl.DataFrame], topic: pl.DataFrame, max_difference: float
) -> dict[str, dict[str, float | bool]]:
    """Covariate balance between the targeted set and each other arm.

    Args:
        sets: from :func:`forget_sets`.
        topic: the topic's documents, whose standard deviations are the unit.
        max_difference: largest absolute difference that counts as matched.

    Returns:
        Per arm besides targeted: standardised difference of the means (targeted minus arm) of
        each covariate, and ``matched``.
    """
    scale = _spread(topic)
    means = {arm: rows.select(COVARIATES).to_numpy().mean(axis=0) for arm, rows in sets.items()}
    report = {}
    for arm in [name for name in sets if name != TARGETED]:
        differences = (means[TARGETED] - means[arm]) / scale
        report[arm] = {
            **dict(zip(COVARIATES, map(float, differences), strict=True)),
            "matched": bool(np.abs(differences).max() <= max_difference),
        }
    return report


def retain_set(
    documents: pl.DataFrame, forgotten: set[str], settings: SetSettings, seed: int
) -> pl.DataFrame:
    """Documents that every arm retains: the first of a seeded order of the whole working set.

    The order knows nothing of topics, so two topics share most of their retain sets.

    Args:
        documents: the working set: doc_id and more.
        forgotten: documents of any forget set of the run, which are passed over.
        settings: see :class:`SetSettings`.
        seed: of the order.

    Raises:
        DataError: the working set is too small.
    """
    ordered = ordered_at_random(documents, seed, RETAIN)
    free = ordered.filter(~pl.col("doc_id").is_in(list(forgotten)))
    if free.height < settings.retain_documents:
        raise DataError(
            f"{free.height} documents are in no forget set; unlearning.retain_documents is "
            f"{settings.retain_documents}: lower it"
        )
    return free.head(settings.retain_documents).sort("doc_id")


def control_set(documents: pl.DataFrame, settings: SetSettings, seed: int) -> pl.DataFrame:
    """Forget set of the global control: documents of any topic, by the seed alone."""
    if documents.height < settings.documents + settings.retain_documents:
        raise DataError(
            f"the working set has {documents.height} documents; unlearning.documents "
            f"({settings.documents}) and unlearning.retain_documents "
            f"({settings.retain_documents}) need their sum: lower them"
        )
    drawn = ordered_at_random(documents, seed, CONTROL).head(settings.documents)
    return _unmatched(drawn.sort("doc_id"))


def ordered_at_random(documents: pl.DataFrame, seed: int, purpose: str) -> pl.DataFrame:
    """Documents in an order that depends on their ids, the seed and the purpose alone."""
    keys = [stable_hash(seed, purpose, doc_id) for doc_id in documents["doc_id"]]
    order = pl.Series("order", keys, dtype=pl.UInt64)
    return documents.with_columns(order).sort("order", "doc_id").drop("order")


def check_disjoint(retain: pl.DataFrame, sets: dict[str, pl.DataFrame]) -> None:
    """Refuse to retain what is to be forgotten.

    Raises:
        DataError: names the document and the arm.
    """
    retained = set(retain["doc_id"])
    for arm, rows in sets.items():
        both = sorted(retained & set(rows["doc_id"]))
        if both:
            raise DataError(
                f"document {both[0]!r} is in the retain set and in the forget set of the arm "
                f"{arm!r} ({len(both)} in all); the two must not overlap"
            )
