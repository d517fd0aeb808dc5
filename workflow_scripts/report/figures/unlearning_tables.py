"""The tables behind the figures of unlearning."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy.stats import t

from workflow_scripts.unlearning.arms import ARMS
from workflow_scripts.unlearning.effects.pairs import usable

GRID_POINTS = 41
CURVE = {
    "forget_rise": pl.Float64,
    "n_topics": pl.Int64,
    "damage_margin": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
}


def margin_curves(
    histories: Mapping[tuple[str, str, int], pl.DataFrame],
    collapsed: set[tuple[str, str, int, str]],
    max_rise: float,
    confidence: float,
) -> pl.DataFrame:
    """Margin lost on the target against the rise of the forget loss, mean over topics.

    Each run's margins are interpolated between its measurements, its seeds averaged per topic.

    Args:
        histories: table ``unlearning/history`` by (target, topic, seed).
        collapsed: (target, topic, seed, arm) of collapsed runs, whose last measurement, that of
            the collapse, is left out.
        max_rise: end of the grid of rises, nats per token.
        confidence: of the t interval over topics.

    Returns:
        target, arm, forget_rise, n_topics, damage_margin (mean), ci_low, ci_high.
    """
    grid = np.linspace(0, max_rise, GRID_POINTS)
    curves: dict[tuple[str, str], dict[str, list[np.ndarray]]] = {}
    for (target, topic, seed), history in histories.items():
        for (arm,), rows in history.sort("step").group_by("arm", maintain_order=True):
            broke = (target, topic, seed, arm) in collapsed
            measured = rows[: rows.height - broke].drop_nulls("margin")
            if measured.height:
                lost = _lost_margin(measured, grid)
                curves.setdefault((target, str(arm)), {}).setdefault(topic, []).append(lost)
    parts = [
        _mean_curve(grid, [np.mean(runs, axis=0) for runs in topics.values()], confidence).select(
            pl.lit(target).alias("target"), pl.lit(arm).alias("arm"), pl.all()
        )
        for (target, arm), topics in sorted(curves.items())
    ]
    empty = pl.DataFrame(schema={"target": pl.String, "arm": pl.String, **CURVE})
    return pl.concat([empty, *parts])


def _lost_margin(rows: pl.DataFrame, grid: np.ndarray) -> np.ndarray:
    """Margin lost at each rise of the grid; NaN beyond what the run reached."""
    lost = rows["margin"][0] - rows["margin"].to_numpy()
    # A step may lower the forget loss; the furthest rise so far is what the run has reached.
    reached = np.maximum.accumulate(np.maximum(rows["forget_rise"].to_numpy(), 0.0))
    return np.interp(grid, reached, lost, right=np.nan)


def _mean_curve(grid: np.ndarray, topics: list[np.ndarray], confidence: float) -> pl.DataFrame:
    values = np.stack(topics)  # (n_topics, n_grid)
    n = np.isfinite(values).sum(axis=0)
    kept = n > 0
    values, n = values[:, kept], n[kept]
    mean, low, high = np.nanmean(values, axis=0), np.full(len(n), np.nan), np.full(len(n), np.nan)
    several = n > 1
    spread = np.nanstd(values[:, several], axis=0, ddof=1) / np.sqrt(n[several])
    reach = t.ppf((1 + confidence) / 2, n[several] - 1) * spread
    low[several], high[several] = mean[several] - reach, mean[several] + reach
    columns = (grid[kept], n, mean, low, high)
    return pl.DataFrame(dict(zip(CURVE, columns, strict=True)), schema=CURVE).fill_nan(None)


def paired_effects(effects: pl.DataFrame, dose: float) -> pl.DataFrame:
    """Own damage in accuracy of every arm that was run, one row per topic and seed."""
    rows = usable(effects).filter(
        pl.col("target") == pl.col("evaluated"), pl.col("arm").is_in(ARMS), dose=dose
    )
    run = effects["arm"].unique().to_list()
    arms = [arm for arm in ARMS if arm in run]
    wide = rows.pivot(
        "arm", on_columns=arms, index=["target", "topic", "seed"], values="damage_accuracy"
    )
    matched = effects.filter(
        pl.col("target") == pl.col("evaluated"), arm="random", dose=dose
    ).select("target", "topic", "seed", "matched")
    return wide.join(matched, on=["target", "topic", "seed"], how="left").sort(
        "target", "topic", "seed"
    )


def damage_matrix(tests: pl.DataFrame, dose: float) -> pl.DataFrame:
    """Median damage in accuracy of the targeted and random arms, per pair of benchmarks."""
    return tests.filter(
        pl.col("contrast").is_in(["targeted", "random"]), measure="accuracy", dose=dose
    ).select(
        "target", "evaluated", pl.col("contrast").alias("arm"), "n_topics", "median", "ci_low",
        "ci_high",
    )  # fmt: skip
