"""Cautions: what a reader must know before a map is read, in one list for every page and figure.

The rule ``collect_cautions`` writes the list once (``report/cautions.json``); front page, explorer,
headline and figures show those of it that concern them, in the same words. A caution is a mapping:

    kind       what is wrong, one of ``KINDS``
    severity   ``warning`` (a number may not mean what it seems to) or ``note``
    concerns   benchmarks: names, or null for all of them; topic, format: of a bin, where it is one
    text       one line for people: what, how much, what follows, what to do
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

# Level of the test whether a model answers better than one that guesses.
LEVEL = 0.025
WARNING, NOTE = "warning", "note"
# In the order of the list, within a severity.
KINDS = (
    "near_chance",
    "unreliable_map",
    "reliability_unknown",
    "questions_cut",
    "special_tokens",
    "left_out_rows",
    "one_site",
    "near_duplicates",
    "documents_cut",
)
Caution = dict[str, Any]


def caution(
    kind: str, severity: str, text: str, benchmarks: Sequence[str] | None = None, **place: str
) -> Caution:
    """One entry of the list.

    Args:
        kind: one of ``KINDS``.
        severity: ``WARNING`` or ``NOTE``.
        text: one line for people.
        benchmarks: those whose maps it concerns; None for all.
        place: ``topic`` and ``format`` of a bin, where it concerns one.
    """
    concerns = {"benchmarks": None if benchmarks is None else list(benchmarks), **place}
    return {"kind": kind, "severity": severity, "concerns": concerns, "text": text}


def in_order(cautions: Iterable[Caution]) -> list[Caution]:
    """Warnings first, then by kind; what is alike stays in the order in which it was found."""
    return sorted(cautions, key=lambda one: (one["severity"] != WARNING, KINDS.index(one["kind"])))


def concerning(cautions: Iterable[Caution], benchmarks: Iterable[str]) -> list[Caution]:
    """Cautions that bear on a picture of these benchmarks."""
    shown = set(benchmarks)
    return [
        one
        for one in cautions
        if one["concerns"]["benchmarks"] is None or shown & set(one["concerns"]["benchmarks"])
    ]


def own(cautions: Iterable[Caution], benchmarks: Iterable[str]) -> list[Caution]:
    """Those that name one of these benchmarks; what holds for every map alike is left out."""
    shown = set(benchmarks)
    return [one for one in cautions if shown & set(one["concerns"]["benchmarks"] or ())]


def guessed(cautions: Iterable[Caution]) -> set[str]:
    """Benchmarks that the model answers no better than by guessing."""
    return {
        name
        for one in cautions
        if one["kind"] == "near_chance"
        for name in one["concerns"]["benchmarks"]
    }


def texts(cautions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Their lines."""
    return [one["text"] for one in cautions]


def all_equal(bins: pl.DataFrame) -> bool:
    """True if no bin supports a benchmark more than another."""
    return bins.height > 1 and bins["influence"].n_unique() == 1


def above_chance(correct: int, questions: int, chance: float) -> bool:
    """True if the exact 95% binomial interval of an accuracy lies above chance.

    That is where so many right answers or more come from guessing with a probability below 0.025.

    Args:
        correct: questions answered correctly.
        questions: questions asked.
        chance: mean probability of guessing one.
    """
    if not 0 < chance < 1:
        return chance <= 0 < correct
    # By hand: scipy.stats alone would take as long as the whole job that asks.
    log_chance, log_other = math.log(chance), math.log1p(-chance)
    terms = (
        math.lgamma(questions + 1)
        - math.lgamma(right + 1)
        - math.lgamma(questions - right + 1)
        + right * log_chance
        + (questions - right) * log_other
        for right in range(correct, questions + 1)
    )
    return math.fsum(map(math.exp, terms)) < LEVEL
