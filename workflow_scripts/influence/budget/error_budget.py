"""All errors of a bin's influence in one budget: documents, questions, projection, training.

``se`` is over documents and questions. Their variances V_fold and V_query share the interaction of
the two, which each gets half of (the Shapley value of two sources), so that the parts add up:

    v_documents = (V_fold + se^2 - V_query) / 2,    v_questions = (V_query + se^2 - V_fold) / 2.

Another random projection, and another training of the model, would move the bin as well. What of
that is another error for every document and question is in these two parts already:
``v_projection`` and ``v_model`` are the rest
(:mod:`workflow_scripts.influence.uncertainty.between_draws`), and ``projection_in_se`` is the share
of ``se`` squared that more projections would make smaller.
``se_total`` is the root of the sum of what is known; ``missing`` says what is not, and why.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from workflow_scripts.influence.uncertainty.resampling import Resampling

SOURCES = ("documents", "questions", "projection", "model")
NUMBERS = (
    *(f"v_{source}" for source in SOURCES),
    "se",
    "se_total",
    "se_ratio",
    "in_sd",
    *(f"share_{source}" for source in SOURCES),
    "projection_in_se",
)


def budget(
    bins: pl.DataFrame,
    resampling: Resampling,
    v_model: np.ndarray | None,
    reasons: Mapping[str, str],
) -> pl.DataFrame:
    """The budget of one benchmark: a row per bin, and one of the benchmark in front.

    Args:
        bins: its table ``influence/bins``.
        resampling: its redrawable form.
        v_model: (576,) variance of one model's map over trainings, squared units of influence;
            None for one model.
        reasons: what is not known of projection and training -> why.

    Returns:
        Frame with the columns of ``influence/error_budget`` but for the benchmark.
    """
    bins = bins.sort("topic", "format")
    parts = variances(bins, resampling, v_model)
    frame = pl.DataFrame(
        {
            "topic": bins["topic"],
            "format": bins["format"],
            **columns(parts, spread_of(bins)),
            "projection_in_se": inside(bins),
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    unknown = unknown_questions(resampling)
    reasons = ({"questions": unknown} if unknown else {}) | dict(reasons)
    missing = ", ".join(f"{source} ({reason})" for source, reason in reasons.items())
    both = pl.concat([summary(frame), frame], how="vertical_relaxed")
    return both.with_columns(missing=pl.lit(missing or None, pl.String))


def unknown_questions(resampling: Resampling) -> str:
    """Reason why the error over questions is not known; empty where it is."""
    if resampling.clusters.max() > 0:
        return ""
    return "one question" if len(resampling.clusters) == 1 else "one cluster of questions"


def variances(
    bins: pl.DataFrame, resampling: Resampling, v_model: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Source -> (576,) its part of the squared error, NaN where unknown."""
    total = column(bins, "se") ** 2
    by_fold, by_query = resampling.v_fold, resampling.v_query
    questions = np.clip((by_query + total - by_fold) / 2, 0, total)
    return {
        "documents": np.clip((by_fold + total - by_query) / 2, 0, total),
        "questions": np.full(len(total), np.nan) if unknown_questions(resampling) else questions,
        "projection": column(bins, "se_added") ** 2,
        "model": np.full(len(total), np.nan) if v_model is None else v_model,
    }


def spread_of(bins: pl.DataFrame) -> float:
    """Standard deviation of influence over bins."""
    return float(np.nanstd(column(bins, "influence"), ddof=1))


def column(bins: pl.DataFrame, name: str) -> np.ndarray:
    """(576,) float64 of a column, NaN where null."""
    return bins[name].to_numpy().astype(np.float64)


def inside(bins: pl.DataFrame) -> np.ndarray:
    """(576,) share of se squared that is error of the projection, at most 1."""
    se = column(bins, "se")
    part = column(bins, "se_projection") ** 2 - column(bins, "se_added") ** 2
    return np.minimum(part / np.where(se > 0, se, np.nan) ** 2, 1)


def columns(parts: Mapping[str, np.ndarray], spread: float) -> dict[str, np.ndarray]:
    """The number columns of the table; NaN throughout for a bin without an error."""
    se = np.sqrt(parts["documents"] + np.nan_to_num(parts["questions"]))
    known = np.isfinite(se)
    total = np.where(known, np.nansum(list(parts.values()), axis=0), np.nan)
    positive = np.where(total > 0, total, np.nan)
    found = {f"v_{source}": np.where(known, part, np.nan) for source, part in parts.items()}
    found |= {
        "se": se,
        "se_total": np.sqrt(total),
        "se_ratio": np.sqrt(positive) / np.where(se > 0, se, np.nan),
        "in_sd": np.sqrt(total) / (spread if spread > 0 else np.nan),
    }
    return found | {f"share_{source}": found[f"v_{source}"] / positive for source in parts}


def summary(frame: pl.DataFrame) -> pl.DataFrame:
    """The benchmark's own row: medians over bins; of the shares means, which add up to 1."""
    means = [name for name in NUMBERS if name.startswith("share_") or name == NUMBERS[-1]]
    medians = [name for name in NUMBERS if name not in means]
    return frame.select(
        pl.lit(None, pl.String).alias("topic"),
        pl.lit(None, pl.String).alias("format"),
        pl.col(medians).median(),
        pl.col(means).mean(),
    ).select(frame.columns)
