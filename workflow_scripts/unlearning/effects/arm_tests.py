"""Tests of damage: paired differences between arms at equal dose, over topics and questions.

A topic's value is its mean over seeds; seeds of a topic share documents and are no replicates.
All topics are asked the same questions, which are draws as the topics are (two_way).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.unlearning.effects.asked import MEASURES, Asked
from workflow_scripts.unlearning.effects.pairs import (
    CONTRASTS,
    OF_MATCHED,
    bounds,
    planned_pairs,
    taking_part,
    with_left_out,
)
from workflow_scripts.unlearning.effects.power import detectable, spread_of_topic
from workflow_scripts.unlearning.effects.registration import EXPLORATORY
from workflow_scripts.unlearning.effects.resampled import (
    MIN_INTERVAL,
    TestSettings,
    bootstrap_median,
)
from workflow_scripts.unlearning.effects.two_way import estimate, share_floor

CELL = ["target", "evaluated", "contrast", "pairs", "measure", "dose"]
# Below this many topics the smallest p of a signed-rank test is above 0.05 (2 / 2^5 = 0.0625).
MIN_TOPICS = 6


def test_table(effects: pl.DataFrame, asked: Asked, settings: TestSettings) -> pl.DataFrame:
    """Rows of the table ``unlearning/tests``: every contrast, dose and pair of benchmarks.

    Args:
        effects: table ``unlearning/effects``.
        asked: damage by question of all of its adapters.
        settings: see :class:`TestSettings`.
    """
    rows = []
    for contrast in CONTRASTS:
        differences = planned_pairs(effects, contrast)
        kinds = ("matched", "all") if contrast in OF_MATCHED else ("all",)
        for kind in kinds:
            cells = differences.select("target", "evaluated", "dose").unique(maintain_order=True)
            for target, evaluated, dose in cells.sort("target", "evaluated", "dose").rows():
                planned = differences.filter(target=target, evaluated=evaluated, dose=dose)
                planned = planned.sort("topic", "seed")
                own, left_out = taking_part(planned, kind)
                for measure, column in MEASURES.items():
                    key = dict(
                        zip(CELL, (target, evaluated, contrast, kind, measure, dose), strict=True)
                    )
                    row = key | left_out | judge(own, asked, settings, key)
                    low, high = bounds(planned, own, column)
                    row |= {"bound_low": low, "bound_high": high}
                    rows.append(row | {"note": with_left_out(row)})
    table = pl.DataFrame(rows, schema=_schema(), orient="row")
    # Until the registration is held against it.
    return with_q(table).with_columns(primary=False, registered=pl.lit(EXPLORATORY))


test_table.__test__ = False


def judge(
    own: pl.DataFrame, asked: Asked, settings: TestSettings, key: Mapping[str, Any]
) -> dict[str, Any]:
    """Every test of one cell; what cannot be computed is None, and ``note`` says why.

    Args:
        own: pairs that take part, by topic and seed.
        asked: damage by question.
        settings: see :class:`TestSettings`.
        key: of the cell, ``CELL``.
    """
    measure, evaluated = key["measure"], key["evaluated"]
    topics = own["topic"].unique(maintain_order=True).to_list()
    result = {"n_topics": len(topics), "n_pairs": own.height, "at_floor": False, "note": ""}
    if not topics:
        return result | {"note": "no pair is left"}
    by_question = np.array([asked.difference(p, measure) for p in own.iter_rows(named=True)])
    owner = np.array([topics.index(topic) for topic in own["topic"]])
    of_topics = np.array([by_question[owner == place].mean(axis=0) for place in range(len(topics))])
    sizes = asked.sizes[evaluated]
    means = of_topics @ (sizes / sizes.sum())
    redrawn = asked.redrawn(evaluated, by_question, settings.bootstraps, settings.seed)
    # Not by ``pairs``: where every pair is matched, the two rows are the same.
    names = [value for name, value in key.items() if name != "pairs"]
    low, high = bootstrap_median(redrawn, own["topic"].to_list(), settings, names)
    result |= {"median": float(np.median(means)), "ci_low": low, "ci_high": high}
    result |= _mean_tests(of_topics, means, sizes, measure, settings)
    notes = [] if len(topics) >= MIN_INTERVAL else [f"no interval of the median: {_topics(means)}"]
    if result["p_t"] is None:
        notes.append("no test: one topic" if len(topics) < 2 else "no test: no spread")
    if measure == "accuracy":
        n_seeds = own.height / len(means)
        size = len(means), n_seeds, own["n_questions"].min()
        spread = spread_of_topic(settings.spreads, *size)
        result["detectable"] = detectable(spread, len(means), settings.power)
        result["at_floor"] = bool(own["at_floor"].mean() >= 0.5)
    if len(topics) < MIN_TOPICS:
        notes.append(f"{_topics(means)}, fewer than {MIN_TOPICS}: no Wilcoxon test")
    else:
        result["p_wilcoxon"] = wilcoxon(means)
    return result | {"note": "; ".join(notes)}


def _topics(means: np.ndarray) -> str:
    return f"{len(means)} topic{'' if len(means) == 1 else 's'}"


def _mean_tests(
    of_topics: np.ndarray,
    means: np.ndarray,
    sizes: np.ndarray,
    measure: str,
    settings: TestSettings,
) -> dict[str, float | None]:
    """The mean with its error over topics and questions: intervals, p, equivalence, dz."""
    floor = share_floor(int(sizes.sum())) if measure == "accuracy" else 0.0
    result: dict[str, float | None] = {"mean": float(means.mean()), "p_t": None}
    found = estimate(of_topics, sizes, floor)
    if found is None:
        return result
    result |= {"se": found.variance**0.5, "df": found.df, "p_t": found.p_value()}
    result |= {"se_topic": found.v_topic**0.5, "se_question": found.v_question**0.5}
    for name, level in (("mean", settings.confidence), ("ci90", 0.9)):
        result[f"{name}_low"], result[f"{name}_high"] = found.interval(level)
    if measure == "accuracy":
        result["p_equivalence"] = found.p_equivalence(settings.equivalence)
    if found.v_topic:
        result["dz"] = found.mean / (found.v_topic * len(means)) ** 0.5
    return result


def wilcoxon(means: np.ndarray) -> float:
    """Two-sided p of the signed-rank test; 1 where every difference is zero."""
    if not np.any(means):
        return 1.0
    return float(stats.wilcoxon(means).pvalue)


def with_q(table: pl.DataFrame) -> pl.DataFrame:
    """Add ``q_bh``: ``p_t`` adjusted over the target benchmarks, off-target cells apart.

    Not the p of ranks, which takes the questions as given.
    """
    p = pl.col("p_t").fill_null(float("nan"))
    own = pl.col("target") == pl.col("evaluated")
    family = ["contrast", "pairs", "measure", "dose", "own"]
    parts = [
        rows.with_columns(q_bh=pl.Series(adjust(rows["p"].to_numpy())))
        for _, rows in table.with_columns(p=p, own=own).group_by(family, maintain_order=True)
    ]
    if not parts:
        return table.with_columns(q_bh=pl.lit(None, pl.Float64))
    return pl.concat(parts).with_columns(pl.col("q_bh").fill_nan(None)).drop("p", "own")


def _schema() -> dict[str, Any]:
    numbers = "median ci_low ci_high mean se se_topic se_question df mean_low mean_high ci90_low"
    numbers += " ci90_high p_t p_wilcoxon p_equivalence dz detectable bound_low bound_high"
    schema = dict.fromkeys(CELL, pl.String) | {"dose": pl.Float64}
    counts = "n_topics n_pairs n_dropped n_collapsed n_unreached n_unmatched n_topics_out"
    schema |= dict.fromkeys(counts.split(), pl.Int64) | {"note": pl.String, "at_floor": pl.Boolean}
    return schema | dict.fromkeys(numbers.split(), pl.Float64)
