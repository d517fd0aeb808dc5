"""Damage of every adapter on every benchmark: what the base model could do and it cannot.

damage = base minus unlearned, so damage is positive and an improvement negative.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.unlearning.arms import COLLAPSED

KEY = ["arm", "seed", "dose"]
# Accuracy within so many standard errors above chance has no further to fall.
FLOOR_ERRORS = 2.0


def chance_of(queries: pl.DataFrame) -> float:
    """Accuracy of a guess: the mean over questions of one in so many choices."""
    return float((1 / queries["choices"].list.len()).mean())


def damages(evaluation: pl.DataFrame, where: str) -> pl.DataFrame:
    """Mean damage of each adapter of one evaluation, paired by question.

    Args:
        evaluation: a table ``unlearning/evaluation``.
        where: its file, for messages.

    Returns:
        arm, seed, dose, accuracy (share, under the adapter), damage_accuracy (share),
        damage_margin (the metric's unit), n_questions.

    Raises:
        IntegrityError: an adapter was not asked the base model's questions.
    """
    base = evaluation.filter(arm="base").select(
        "query_id", base_correct="correct", base_margin="margin"
    )
    paired = evaluation.filter(pl.col("arm") != "base").join(base, on="query_id", how="left")
    counts = paired.group_by(KEY).agg(n=pl.len(), unknown=pl.col("base_margin").null_count())
    wrong = counts.filter((pl.col("n") != base.height) | (pl.col("unknown") > 0))
    if wrong.height:
        raise IntegrityError(
            f"{where}: arm {wrong['arm'][0]!r} was asked {wrong['n'][0]} questions, the base model "
            f"{base.height}; delete the file and run again"
        )
    lost = pl.col("base_correct").cast(pl.Float64) - pl.col("correct").cast(pl.Float64)
    return paired.group_by(KEY).agg(
        accuracy=pl.col("correct").mean(),
        damage_accuracy=lost.mean(),
        damage_margin=(pl.col("base_margin") - pl.col("margin")).mean(),
        n_questions=pl.len(),
    )


def planned_rows(record: Mapping[str, Any], doses: Iterable[float]) -> pl.DataFrame:
    """One row per arm and dose of a run, also for doses that it did not reach.

    Args:
        record: a run's ``run.json``.
        doses: the doses of the config.

    Returns:
        topic, arm, seed, dose, forget_rise, retain_rise, steps (null where not reached),
        matched, collapsed.
    """
    rows = []
    for arm, ended in record["arms"].items():
        reached = {row["dose"]: row for row in ended["doses"]}
        balanced = record["balance"].get(arm)
        for dose in doses:
            row = reached.get(dose)
            rows.append(
                {
                    "topic": record["topic"],
                    "arm": arm,
                    "seed": record["seed"],
                    "dose": dose,
                    "forget_rise": row and row["forget_rise"],
                    "retain_rise": row and row["retain_rise"],
                    "steps": row and row["step"],
                    "matched": balanced and balanced["matched"],
                    "collapsed": row is None and ended["state"] == COLLAPSED,
                }
            )
    schema = {"forget_rise": pl.Float64, "retain_rise": pl.Float64, "steps": pl.Int64}
    schema |= {"matched": pl.Boolean, "dose": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None)


def effect_rows(
    target: str,
    evaluated: str,
    evaluation: pl.DataFrame,
    records: Iterable[Mapping[str, Any]],
    doses: list[float],
    chance: float,
    where: str,
) -> pl.DataFrame:
    """Rows of the table ``unlearning/effects`` for one topic, evaluated on one benchmark.

    ``at_floor`` says that an adapter's accuracy lies at chance or within ``FLOOR_ERRORS`` of it:
    there, no arm can do more damage than another.

    Raises:
        IntegrityError: an adapter that a run saved was not evaluated.
    """
    planned = pl.concat([planned_rows(record, doses) for record in records])
    rows = planned.join(damages(evaluation, where), on=KEY, how="left")
    missing = rows.filter(pl.col("steps").is_not_null() & pl.col("damage_accuracy").is_null())
    if missing.height:
        arm, seed, dose = missing.row(0, named=True)["arm"], missing["seed"][0], missing["dose"][0]
        raise IntegrityError(
            f"{where} lacks the adapter of arm {arm!r}, seed {seed}, dose {dose:g}; delete it and "
            "run again"
        )
    error = (chance * (1 - chance) / pl.col("n_questions")).sqrt()
    return rows.with_columns(
        target=pl.lit(target),
        evaluated=pl.lit(evaluated),
        at_floor=pl.col("accuracy") <= chance + FLOOR_ERRORS * error,
    )
