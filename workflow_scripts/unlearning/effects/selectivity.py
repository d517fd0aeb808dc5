"""Damage on the target against damage on the other benchmarks."""

from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.unlearning.arms import ARMS
from workflow_scripts.unlearning.effects.asked import MEASURES, Asked
from workflow_scripts.unlearning.effects.pairs import usable
from workflow_scripts.unlearning.effects.resampled import TestSettings, bootstrap_median

SELECTIVITY = {
    "target": pl.String,
    "arm": pl.String,
    "measure": pl.String,
    "dose": pl.Float64,
    "n_topics": pl.Int64,
    **dict.fromkeys(
        ("damage_target", "damage_offtarget", "selectivity", "ci_low", "ci_high"), pl.Float64
    ),
}


def selectivity_table(effects: pl.DataFrame, asked: Asked, settings: TestSettings) -> pl.DataFrame:
    """Rows of the table ``unlearning/selectivity``: own damage minus mean off-target damage.

    Signs are kept: an off-target improvement is negative damage and no damage, so it raises
    selectivity instead of counting against it.
    """
    rows, key = [], ["target", "arm", "dose"]
    kept = usable(effects).filter(pl.col("arm").is_in(ARMS)).sort(*key, "topic", "seed")
    for (target, arm, dose), cell in kept.group_by(key, maintain_order=True):
        for measure, column in MEASURES.items():
            names = {"target": target, "arm": arm, "measure": measure, "dose": dose}
            if found := _row(cell, column, names, asked, settings):
                rows.append(names | found)
    return pl.DataFrame(rows, schema=SELECTIVITY, orient="row")


def _row(
    cell: pl.DataFrame, column: str, names: dict[str, Any], asked: Asked, settings: TestSettings
) -> dict[str, Any] | None:
    """One row's numbers; None where the target or every other benchmark is missing."""
    keys = ["topic", "seed"]
    own = cell.filter(pl.col("evaluated") == names["target"]).select(*keys, own=column)
    off = cell.filter(pl.col("evaluated") != names["target"])
    others = off["evaluated"].unique().sort().to_list()
    mean_off = off.sort(*keys, "evaluated").group_by(keys).agg(off=pl.col(column).mean())
    both = own.join(mean_off, on=keys).sort(keys)
    if both.is_empty():
        return None
    pairs = [{**names, "topic": t, "seed": s, "first": names["arm"], "second": None}
             for t, s in both.select(keys).rows()]  # fmt: skip

    def redrawn(evaluated: str) -> np.ndarray:
        lost = [asked.difference(p | {"evaluated": evaluated}, names["measure"]) for p in pairs]
        return asked.redrawn(evaluated, np.array(lost), settings.bootstraps, settings.seed)

    values = redrawn(names["target"]) - np.mean([redrawn(name) for name in others], axis=0)
    topics = both.group_by("topic", maintain_order=True).agg(pl.mean("own", "off"))
    draws = ["selectivity", *names.values()]
    low, high = bootstrap_median(values, both["topic"].to_list(), settings, draws)
    return {
        "n_topics": topics.height,
        "damage_target": topics["own"].median(),
        "damage_offtarget": topics["off"].median(),
        "selectivity": (topics["own"] - topics["off"]).median(),
        "ci_low": low,
        "ci_high": high,
    }
