"""Runs on halves of the questions as if they were one: every question by the other half's model.

The arm ``crossed_targeted`` answers each question with the model that forgot what the *other*
half of the questions chose, and ``crossed_random`` with that half's matched documents.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.unlearning.arms import (
    COLLAPSED,
    CROSSED_RANDOM,
    CROSSED_TARGETED,
    HALVES,
    RANDOM,
    REACHED,
    TARGETED,
    UNREACHED,
    of_half,
)

ARMS = {CROSSED_TARGETED: TARGETED, CROSSED_RANDOM: RANDOM}


def crossed_evaluation(evaluation: pl.DataFrame, halves: pl.DataFrame) -> pl.DataFrame:
    """Answers of the crossed arms, and of the base model.

    Args:
        evaluation: table ``unlearning/evaluation`` of the arms by half.
        halves: query_id, half; see ``question_halves.table_of_halves``.

    Returns:
        As ``evaluation``; a seed and dose that one half did not reach has no rows.
    """
    parts = [evaluation.filter(arm="base")]
    keys = ["seed", "dose"]
    for crossed, arm in ARMS.items():
        rows = [
            evaluation.filter(arm=of_half(arm, chosen)).join(
                halves.filter(half=asked).select("query_id"), on="query_id", how="semi"
            )
            for chosen, asked in (HALVES, HALVES[::-1])
        ]
        both = pl.concat(rows).with_columns(arm=pl.lit(crossed))
        reached = rows[0].select(keys).unique().join(rows[1].select(keys).unique(), on=keys)
        parts.append(both.join(reached, on=keys, how="semi").select(evaluation.columns))
    return pl.concat(parts).sort("arm", *keys, "query_id")


def crossed_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a run on halves as that of one with the crossed arms.

    Rises are the means over the halves, steps the larger; an arm ended as the worse of its halves.
    """
    arms, balance = {}, {}
    for crossed, arm in ARMS.items():
        names = [of_half(arm, half) for half in HALVES]
        parts = [record["arms"][name] for name in names]
        states = {part["state"] for part in parts}
        state = next((s for s in (COLLAPSED, UNREACHED) if s in states), REACHED)
        by_dose = [{row["dose"]: row for row in part["doses"]} for part in parts]
        both = sorted(by_dose[0].keys() & by_dose[1].keys())
        arms[crossed] = {
            "state": state,
            "doses": [_mean(dose, [rows[dose] for rows in by_dose]) for dose in both],
        }
        known = [record["balance"][name] for name in names if name in record["balance"]]
        if known:
            balance[crossed] = {"matched": all(each["matched"] for each in known)}
    return {"topic": record["topic"], "seed": record["seed"], "arms": arms, "balance": balance}


def _mean(dose: float, rows: list[Mapping[str, float]]) -> dict[str, float]:
    rises = {key: sum(row[key] for row in rows) / 2 for key in ("forget_rise", "retain_rise")}
    return {"dose": dose, "step": max(row["step"] for row in rows)} | rises
