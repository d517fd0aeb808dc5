"""Pairs of arms that are compared: which there are, which take part, which are left out and why."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.unlearning.arms import (
    ARMS,
    BOTTOM,
    COMPARED,
    CONTROL,
    CROSSED_RANDOM,
    CROSSED_TARGETED,
    LOW,
    RANDOM,
    TARGETED,
)
from workflow_scripts.unlearning.effects.asked import MEASURES

# The published quantity; and the same with documents chosen by one half of the questions and
# asked the other, which is primary where it exists.
PRIMARY, CROSS_FITTED = "targeted-random", "cross_fitted"
# Contrast -> its two arms; a single arm is compared with the base model.
CONTRASTS: dict[str, tuple[str, str | None]] = {
    **{arm: (arm, None) for arm in (*ARMS, CONTROL)},
    **{f"targeted-{arm}": (TARGETED, arm) for arm in (*COMPARED, CONTROL)},
    CROSS_FITTED: (CROSSED_TARGETED, CROSSED_RANDOM),
    "bottom-random": (BOTTOM, RANDOM),
    "low-random": (LOW, RANDOM),
}
# Contrasts of sets that are matched one to one; their primary rows are of matched pairs alone.
OF_MATCHED = (PRIMARY, CROSS_FITTED, "targeted-low")
# Reasons why a pair has no difference, in the order in which they count.
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
        target, evaluated, topic, seed, dose, first and second (the arms), damage_accuracy,
        damage_margin (first arm minus second, or minus nothing), n_questions, at_floor (of either
        arm), matched (of the second arm with the first), lost (``collapsed`` where an arm did,
        else ``unreached`` where one missed the dose, else null).
    """
    first, second = CONTRASTS[contrast]
    missed = pl.col("damage_accuracy").is_null()
    state = pl.when("collapsed").then(pl.lit("collapsed")).when(missed).then(pl.lit("unreached"))
    rows = effects.with_columns(lost=state)
    left = rows.filter(arm=first)
    arms = {"first": pl.lit(first), "second": pl.lit(second, pl.String)}
    keep = ["target", "evaluated", "topic", "seed", "dose", *MEASURES.values(), "n_questions"]
    keep.append("at_floor")
    if second is None:
        return left.select(*keep, matched=pl.lit(True), lost="lost", **arms)
    on = ["evaluated", "seed", "dose"] + ([] if second == CONTROL else ["target", "topic"])
    right = rows.filter(arm=second).select(*on, *MEASURES.values(), "at_floor", "matched", "lost")
    both = left.drop("matched").join(right, on=on, suffix="_2")
    return both.with_columns(
        *[(pl.col(column) - pl.col(f"{column}_2")).alias(column) for column in MEASURES.values()],
        at_floor=pl.col("at_floor") | pl.col("at_floor_2"),
        # "collapsed" comes before "unreached", as the words do.
        lost=pl.min_horizontal("lost", "lost_2"),
    ).select(*keep, pl.col("matched").fill_null(False), "lost", **arms)


def taking_part(planned: pl.DataFrame, kind: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """The pairs of a cell that are tested, and how many are not, by reason.

    Args:
        planned: of :func:`planned_pairs`, one cell.
        kind: ``matched`` or ``all``.

    Returns:
        The pairs; n_collapsed, n_unreached, n_unmatched (pairs), n_dropped (their sum) and
        n_topics_out (topics of which no pair is left).
    """
    whole = planned.filter(pl.col("lost").is_null())
    own = whole.filter("matched") if kind == "matched" else whole
    left_out = {f"n_{reason}": planned.filter(lost=reason).height for reason in LOST}
    left_out["n_unmatched"] = whole.height - own.height
    left_out["n_dropped"] = planned.height - own.height
    left_out["n_topics_out"] = planned["topic"].n_unique() - own["topic"].n_unique()
    return own, left_out


def bounds(
    planned: pl.DataFrame, own: pl.DataFrame, column: str
) -> tuple[float, float] | tuple[None, None]:
    """Mean over topics if the pairs left out had the least, or the greatest, observed difference.

    Args:
        planned: of :func:`planned_pairs`, one cell.
        own: those of them that take part.
        column: of the difference.
    """
    if own.is_empty():
        return None, None
    taken = own.select("topic", "seed", value=column)
    every = (
        planned.select("topic", "seed")
        .sort("topic", "seed")
        .join(taken, on=["topic", "seed"], how="left", maintain_order="left")
    )
    ends = []
    for filled in (taken["value"].min(), taken["value"].max()):
        topics = every.group_by("topic", maintain_order=True).agg(
            pl.col("value").fill_null(filled).mean()
        )
        ends.append(float(topics["value"].mean()))
    return ends[0], ends[1]


def shown_dose(tests: pl.DataFrame) -> float:
    """The dose at which results are shown: the largest at which no target lies at chance.

    Where arms lie at chance none can do more damage than another; the smallest dose where that
    is so at every dose.

    Args:
        tests: table ``unlearning/tests``.
    """
    own = tests.filter(
        pl.col("target") == pl.col("evaluated"),
        contrast=PRIMARY,
        pairs="matched",
        measure="accuracy",
    )
    clear = own.group_by("dose").agg(pl.col("at_floor").any()).filter(~pl.col("at_floor"))
    return float(clear["dose"].max() if clear.height else tests["dose"].min())


def dose_text(tests: pl.DataFrame) -> str:
    """The dose of :func:`shown_dose` in words, with why it is not the largest."""
    dose, most = shown_dose(tests), tests["dose"].max()
    less = f"; at {most:g} accuracy lies at chance" if dose < most else ""
    return f"a rise of the forget loss by {dose:g} (nats per token{less})"


def left_out_text(row: Mapping[str, Any]) -> str:
    """Runs that a row of the tests leaves out, in words; empty if it leaves out nothing."""
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
