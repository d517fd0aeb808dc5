"""Tests of damage: paired differences between arms at equal dose, with the topic as the unit.

A topic's value is its mean over seeds; seeds of a topic share documents and are no replicates.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.streams import stream
from workflow_scripts.influence.multiplicity import adjust
from workflow_scripts.unlearning.names import BOTTOM, RANDOM, TARGETED
from workflow_scripts.unlearning.pairs import (
    CONTRASTS,
    MEASURES,
    planned_pairs,
    taking_part,
    usable,
    with_left_out,
)
from workflow_scripts.unlearning.power import Spreads, detectable, spread_of_topic_mean
from workflow_scripts.unlearning.registration import EXPLORATORY

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
CELL = ["target", "evaluated", "contrast", "pairs", "measure", "dose"]
# Below this many topics the smallest p of a signed-rank test is above 0.05 (2 / 2^5 = 0.0625), and
# the variance between topics that a mixed model needs is hardly estimated.
MIN_TOPICS = 6
# The bootstrap redraws topics: one gives an interval without width, two only three medians.
MIN_INTERVAL = 3


@dataclass(frozen=True)
class TestSettings:
    """How differences are judged.

    Attributes:
        confidence: coverage of the intervals.
        bootstraps: draws of topics, and of seeds within them.
        seed: of the draws.
        equivalence: margin of the equivalence test, share of questions.
        spreads: assumed before the run, for the detectable difference.
        power: with which that difference is to be found.
    """

    __test__ = False  # pytest would take the name for a test class

    confidence: float
    bootstraps: int
    seed: int
    equivalence: float
    spreads: Spreads
    power: float


def test_table(effects: pl.DataFrame, settings: TestSettings) -> pl.DataFrame:
    """Rows of the table ``unlearning/tests``: every contrast, dose and pair of benchmarks."""
    rows = []
    for contrast in CONTRASTS:
        differences = planned_pairs(effects, contrast)
        # Only targeted and random are matched; their primary test uses the matched pairs.
        kinds = ("matched", "all") if contrast == "targeted-random" else ("all",)
        for kind in kinds:
            cells = differences.select("target", "evaluated", "dose").unique(maintain_order=True)
            for target, evaluated, dose in cells.sort("target", "evaluated", "dose").rows():
                planned = differences.filter(target=target, evaluated=evaluated, dose=dose)
                own, left_out = taking_part(planned, kind)
                for measure in MEASURES:
                    key = dict(
                        zip(CELL, (target, evaluated, contrast, kind, measure, dose), strict=True)
                    )
                    row = key | left_out | judge(own, measure, settings, key)
                    rows.append(row | {"note": with_left_out(row)})
    table = pl.DataFrame(rows, schema=_schema(), orient="row")
    # Until the registration is held against it.
    return with_q(table).with_columns(primary=False, registered=pl.lit(EXPLORATORY))


test_table.__test__ = False


def judge(
    own: pl.DataFrame, measure: str, settings: TestSettings, key: Mapping[str, Any]
) -> dict[str, Any]:
    """Every test of one cell; what cannot be computed is None, and ``note`` says why."""
    column = MEASURES[measure]
    groups = own.sort("topic", "seed").group_by("topic", maintain_order=True).agg(column)
    by_topic = [np.asarray(values, dtype=np.float64) for values in groups[column]]
    means = np.array([values.mean() for values in by_topic])
    result = {"n_topics": len(means), "n_pairs": own.height, "note": ""}
    if not len(means):
        return result | {"note": "no pair is left"}
    low, high = bootstrap_median(by_topic, settings, key)
    notes = [f"no interval of the median: {_topics(means)}"] if low is None else []
    result |= {"median": float(np.median(means)), "ci_low": low, "ci_high": high}
    result |= _t_tests(means, settings.confidence)
    if measure == "accuracy":
        result["p_equivalence"] = equivalence(means, settings.equivalence)
        n_seeds = own.height / len(means)
        spread = spread_of_topic_mean(settings.spreads, n_seeds, own["n_questions"].min())
        result["detectable"] = detectable(spread, len(means), settings.power)
    if len(means) < MIN_TOPICS:
        notes.append(f"{_topics(means)}, fewer than {MIN_TOPICS}: no Wilcoxon test, no mixed model")
        return result | {"note": "; ".join(notes)}
    p_mixed, note = mixed_model(by_topic)
    return result | {"p_wilcoxon": wilcoxon(means), "p_mixed": p_mixed, "note": note}


def _topics(means: np.ndarray) -> str:
    return f"{len(means)} topic{'' if len(means) == 1 else 's'}"


def bootstrap_median(
    by_topic: list[np.ndarray], settings: TestSettings, key: Mapping[str, Any]
) -> tuple[float, float] | tuple[None, None]:
    """Percentile interval of the median topic: topics are redrawn, and seeds within each.

    None below ``MIN_INTERVAL`` topics.
    """
    if len(by_topic) < MIN_INTERVAL:
        return None, None
    # Not by ``pairs``: where every pair is matched, the two rows are the same.
    names = [value for name, value in key.items() if name != "pairs"]
    rng = stream(settings.seed, "unlearning bootstrap", *names)
    n, n_seeds = len(by_topic), np.array([len(values) for values in by_topic])
    padded = np.full((n, n_seeds.max()), np.nan)
    for row, values in zip(padded, by_topic, strict=True):
        row[: len(values)] = values
    topics = rng.integers(n, size=(settings.bootstraps, n))
    lengths = n_seeds[topics][:, :, None]  # (draws, n, 1)
    seeds = np.floor(rng.random((*topics.shape, n_seeds.max())) * lengths).astype(int)
    redrawn = padded[topics[:, :, None], seeds]  # (draws, n, seeds)
    kept = np.arange(n_seeds.max()) < lengths
    medians = np.median(np.where(kept, redrawn, 0).sum(axis=-1) / lengths[:, :, 0], axis=-1)
    tail = (1 - settings.confidence) / 2
    return float(np.quantile(medians, tail)), float(np.quantile(medians, 1 - tail))


def _t_tests(means: np.ndarray, confidence: float) -> dict[str, float | None]:
    """Paired t over topics: mean, its intervals, p against zero, dz."""
    mean, n, spread = float(means.mean()), len(means), spread_of(means)
    result: dict[str, float | None] = {"mean": mean}
    if not spread:
        return result
    error = spread / math.sqrt(n)
    for name, level in (("mean", confidence), ("ci90", 0.9)):
        reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
        result |= {f"{name}_low": mean - reach, f"{name}_high": mean + reach}
    result["p_t"] = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    result["dz"] = mean / spread
    return result


def spread_of(values: np.ndarray) -> float:
    """Sample standard deviation; 0 for one value, and for values equal but for rounding."""
    if len(values) < 2 or np.ptp(values) <= 1e-12:
        return 0.0
    return float(values.std(ddof=1))


def equivalence(means: np.ndarray, margin: float) -> float | None:
    """P of two one-sided t-tests: small where the mean lies within plus or minus ``margin``."""
    n, spread = len(means), spread_of(means)
    if not spread:
        return None
    error = spread / math.sqrt(n)
    below = stats.t.sf((margin - means.mean()) / error, n - 1)
    above = stats.t.sf((means.mean() + margin) / error, n - 1)
    return float(max(below, above))


def wilcoxon(means: np.ndarray) -> float:
    """Two-sided p of the signed-rank test; 1 where every difference is zero."""
    if not np.any(means):
        return 1.0
    return float(stats.wilcoxon(means).pvalue)


def mixed_model(by_topic: list[np.ndarray]) -> tuple[float | None, str]:
    """P of the mean difference with a random intercept per topic, seeds as repeats."""
    import statsmodels.api as sm

    values = np.concatenate(by_topic)
    owner = np.repeat(np.arange(len(by_topic)), [len(part) for part in by_topic])
    if len(values) == len(by_topic) or not spread_of(values):
        return None, "one seed a topic or no spread: no mixed model"
    with warnings.catch_warnings():
        # A variance between topics of zero lies on the edge of what is allowed; the fit warns.
        warnings.simplefilter("ignore")
        fitted = sm.MixedLM(values, np.ones((len(values), 1)), groups=owner).fit(reml=True)
    p = float(fitted.pvalues[0])
    if not fitted.converged or not math.isfinite(p):
        return None, "the mixed model did not converge"
    return p, ""


def with_q(table: pl.DataFrame) -> pl.DataFrame:
    """Add ``q_bh``: p adjusted over the target benchmarks, off-target cells apart.

    The p is that of the signed-rank test, or of the t-test where that one is not made.
    """
    p = pl.coalesce("p_wilcoxon", "p_t").fill_null(float("nan"))
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
    numbers = "median ci_low ci_high mean mean_low mean_high ci90_low ci90_high p_t p_wilcoxon"
    numbers += " p_mixed p_equivalence dz detectable"
    schema = dict.fromkeys(CELL, pl.String) | {"dose": pl.Float64}
    counts = "n_topics n_pairs n_collapsed n_unreached n_unmatched n_topics_out"
    schema |= dict.fromkeys(counts.split(), pl.Int64) | {"note": pl.String}
    return schema | dict.fromkeys(numbers.split(), pl.Float64)


def selectivity_table(effects: pl.DataFrame, settings: TestSettings) -> pl.DataFrame:
    """Rows of the table ``unlearning/selectivity``: own damage minus mean off-target damage.

    Signs are kept: an off-target improvement is negative damage and no damage, so it raises
    selectivity instead of counting against it.
    """
    rows = []
    keys = ["target", "topic", "seed", "dose"]
    for arm in (TARGETED, RANDOM, BOTTOM):
        own_rows = usable(effects).filter(arm=arm)
        for measure, column in MEASURES.items():
            own = own_rows.filter(pl.col("target") == pl.col("evaluated"))
            off = own_rows.filter(pl.col("target") != pl.col("evaluated"))
            mean_off = off.group_by(keys).agg(off=pl.col(column).mean())
            both = own.select(*keys, pl.col(column).alias("own")).join(mean_off, on=keys)
            both = both.with_columns(difference=pl.col("own") - pl.col("off"))
            for (target, dose), cell in both.sort(keys).group_by(
                "target", "dose", maintain_order=True
            ):
                rows.append(_selectivity_row(cell, (target, arm, measure, dose), settings))
    return pl.DataFrame(rows, schema=SELECTIVITY, orient="row")


def _selectivity_row(
    cell: pl.DataFrame, key: tuple[str, str, str, float], settings: TestSettings
) -> dict[str, Any]:
    names = dict(zip(("target", "arm", "measure", "dose"), key, strict=True))
    groups = cell.group_by("topic", maintain_order=True).agg("own", "off", "difference")
    by_topic = [np.asarray(values) for values in groups["difference"]]
    low, high = bootstrap_median(by_topic, settings, {"table": "selectivity", **names})
    return names | {
        "n_topics": groups.height,
        "damage_target": groups["own"].list.mean().median(),
        "damage_offtarget": groups["off"].list.mean().median(),
        "selectivity": float(np.median([v.mean() for v in by_topic])),
        "ci_low": low,
        "ci_high": high,
    }
