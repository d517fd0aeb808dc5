"""Recovery of the planted truth by a map: pure functions over one benchmark's bins."""

from typing import Any

import numpy as np
import polars as pl
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.validation.baselines.area_intervals import area_interval, precision_interval


def auroc(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """Chance that a positive bin lies above a negative one, ties counting half.

    Args:
        positive: (n,) influence of the bins that should lie above.
        negative: (m,) influence of the bins that should lie below.

    Returns:
        a share in [0, 1], or None where either side is empty.
    """
    if not len(positive) or not len(negative):
        return None
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    return float(roc_auc_score(labels, np.concatenate([positive, negative])))


def average_precision(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """Mean precision over the recall of the positive bins; None where either side is empty."""
    if not len(positive) or not len(negative):
        return None
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    return float(average_precision_score(labels, np.concatenate([positive, negative])))


def dose_spearman(doses: np.ndarray, influence: np.ndarray) -> float | None:
    """Rank correlation of dose and influence; None below 3 bins or where one is constant."""
    if len(doses) < 3 or np.ptp(doses) == 0 or np.ptp(influence) == 0:
        return None
    return float(spearmanr(doses, influence).statistic)


def share(hits: np.ndarray) -> float | None:
    """Share of true entries; None without entries."""
    return float(np.mean(hits)) if len(hits) else None


def area_columns(
    name: str, bins: pl.DataFrame, positive: np.ndarray, rest: np.ndarray, confidence: float
) -> dict[str, float | None]:
    """AUROC of some bins against others, with the ends of its interval over topics.

    Args:
        name: of the column.
        bins: influence and topic of every bin.
        positive: (n,) bool; bins that should lie above.
        rest: (n,) bool; bins that should lie below.
        confidence: coverage.
    """
    influence, topics = bins["influence"].to_numpy(), bins["topic"].to_numpy()
    area, both = auroc(influence[positive], influence[rest]), positive | rest
    sides = (influence[both], positive[both], topics[both])
    low, high = area_interval(area, *sides, confidence)
    return {name: area, f"{name}_low": low, f"{name}_high": high}


def planted_metrics(bins: pl.DataFrame, confidence: float = 0.95) -> dict[str, Any]:
    """Measure one scorer's map of one benchmark against the truth.

    Bins without documents have no influence and take no part.

    Args:
        bins: columns topic, role, dose (share of support or contradiction documents), influence
            (positive = supports) and q_unusual; one row a bin.
        confidence: coverage of the intervals.

    Returns:
        the columns of ``validation/planted`` after benchmark and scorer; None where undefined.
    """
    bins = bins.drop_nulls("influence")
    influence = bins["influence"].to_numpy()
    role = bins["role"].to_numpy()
    support, contradiction = role == "support", role == "contradiction"
    found = (bins["q_unusual"] < SIGNIFICANT).fill_null(False).to_numpy()
    upward = found & (influence > np.median(influence)) if len(influence) else found
    precision = average_precision(influence[support], influence[~support])
    sides = (influence, support, bins["topic"].to_numpy())
    precision_low, precision_high = precision_interval(precision, *sides, confidence)
    return {
        "n_support": int(support.sum()),
        "n_contradiction": int(contradiction.sum()),
        **area_columns("auroc_support", bins, support, ~support, confidence),
        "ap_support": precision,
        "ap_support_low": precision_low,
        "ap_support_high": precision_high,
        **area_columns("auroc_support_vs_contradiction", bins, support, contradiction, confidence),
        **area_columns(
            "auroc_support_without_contradiction",
            bins,
            support,
            ~support & ~contradiction,
            confidence,
        ),
        "contradiction_sign": share(influence[contradiction] < influence.mean())
        if len(influence)
        else None,
        "dose_spearman": dose_spearman(bins["dose"].to_numpy()[support], influence[support]),
        "n_unusual": int(found.sum()),
        "false_discovery_share": share(~support[upward]),
        "power": share(upward[support]),
    }


def compare_with_truth(
    truth: pl.DataFrame, maps: dict[str, pl.DataFrame], confidence: float = 0.95
) -> pl.DataFrame:
    """Measure every scorer on every planted benchmark of the study.

    Args:
        truth: the table ``corpus/truth``: benchmark, topic, format, role, dose.
        maps: scorer -> its table ``influence/bin_influence``.
        confidence: coverage of the intervals.

    Returns:
        the table ``validation/planted``: one row per benchmark and scorer. Benchmarks that were
        not planted (a fifth one of the user's) have no truth and no row.
    """
    rows = []
    for scorer, table in maps.items():
        judged = table.join(truth, on=["benchmark", "topic", "format"], how="inner")
        for (benchmark,), bins in judged.group_by("benchmark", maintain_order=True):
            measures = planted_metrics(bins, confidence)
            rows.append({"benchmark": benchmark, "scorer": scorer, **measures})
    return pl.DataFrame(rows, infer_schema_length=None)
