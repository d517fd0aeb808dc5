"""Pairs of arms that are compared: which there are, which take part, which are left out and why."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.unlearning.names import BOTTOM, CONTROL, RANDOM, TARGETED

# Contrast -> its two arms; a single arm is compared with the base model.
CONTRASTS = {
    "targeted": (TARGETED, None),
    "random": (RANDOM, None),
    "bottom": (BOTTOM, None),
    "control": (CONTROL, None),
    "targeted-random": (TARGETED, RANDOM),
    "targeted-bottom": (TARGETED, BOTTOM),
    "bottom-random": (BOTTOM, RANDOM),
    "targeted-control": (TARGETED, CONTROL),
}
MEASURES = {"accuracy": "damage_accuracy", "margin": "damage_margin"}
# Why a pair has no difference, in the order in which a reason counts.
LOST = ("collapsed", "unreached")


def usable(effects: pl.DataFrame) -> pl.DataFrame:
    """Rows that may be averaged: the dose was reached and the run did not collapse."""
    return effects.filter(~pl.col("collapsed") & pl.col("damage_accuracy").is_not_null())


def paired(effects: pl.DataFrame, contrast: str) -> pl.DataFrame:
    """Differences of a contrast that may be averaged, one row per topic and seed.

    As :func:`planned_pairs`, without those that were lost.
    """
    return planned_pairs(effects, contrast).filter(pl.col("lost").is_null()).drop("lost")


def planned_pairs(effects: pl.DataFrame, contrast: str) -> pl.DataFrame:
    """Differences of a contrast, one row per topic and seed that was run.

    Args:
        effects: table ``unlearning/effects``.
        contrast: one of ``CONTRASTS``.

    Returns:
        target, evaluated, topic, seed, dose, damage_accuracy, damage_margin (first arm minus
        second, or minus nothing), n_questions, matched (of the second arm with the first), lost
        (``collapsed`` where an arm did, else ``unreached`` where one missed the dose, else null).
    """
    first, second = CONTRASTS[contrast]
    missed = pl.col("damage_accuracy").is_null()
    state = pl.when("collapsed").then(pl.lit("collapsed")).when(missed).then(pl.lit("unreached"))
    rows = effects.with_columns(lost=state)
    left = rows.filter(arm=first)
    keep = ["target", "evaluated", "topic", "seed", "dose", *MEASURES.values(), "n_questions"]
    if second is None:
        return left.select(*keep, matched=pl.lit(True), lost="lost")
    on = ["evaluated", "seed", "dose"] + ([] if second == CONTROL else ["target", "topic"])
    right = rows.filter(arm=second).select(*on, *MEASURES.values(), "matched", "lost")
    both = left.drop("matched").join(right, on=on, suffix="_2")
    return both.with_columns(
        *[(pl.col(column) - pl.col(f"{column}_2")).alias(column) for column in MEASURES.values()],
        # "collapsed" comes before "unreached", as the words do.
        lost=pl.min_horizontal("lost", "lost_2"),
    ).select(*keep, pl.col("matched").fill_null(False), "lost")


def taking_part(planned: pl.DataFrame, kind: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """The pairs of a cell that are tested, and how many are not, by reason.

    Args:
        planned: of :func:`planned_pairs`, one cell.
        kind: ``matched`` or ``all``.

    Returns:
        The pairs; n_collapsed, n_unreached, n_unmatched (pairs) and n_topics_out (topics of which
        no pair is left).
    """
    whole = planned.filter(pl.col("lost").is_null())
    own = whole.filter("matched") if kind == "matched" else whole
    left_out = {f"n_{reason}": planned.filter(lost=reason).height for reason in LOST}
    left_out["n_unmatched"] = whole.height - own.height
    left_out["n_topics_out"] = planned["topic"].n_unique() - own["topic"].n_unique()
    return own, left_out


def left_out_text(row: Mapping[str, Any]) -> str:
    """What a row of the tests leaves out, in words; empty where it is nothing."""
    reasons = [
        f"{row[f'n_{reason}']} {reason}" for reason in (*LOST, "unmatched") if row[f"n_{reason}"]
    ]
    topics = f" (no pair left of {_topics(row)})" if row["n_topics_out"] else ""
    return f"left out: {', '.join(reasons)}{topics}" if reasons else ""


def _topics(row: Mapping[str, Any]) -> str:
    return f"{row['n_topics_out']} topic{'' if row['n_topics_out'] == 1 else 's'}"


def with_left_out(row: Mapping[str, Any]) -> str:
    """The note of a row and what it leaves out."""
    return "; ".join(filter(None, (row["note"], left_out_text(row))))
