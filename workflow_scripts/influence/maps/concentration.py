"""Concentration of a map: effective bins, share of the largest k, and Gini coefficient.

A map has two signs, so a share of its sum means nothing. Each bin's excess over the mean bin is
taken apart into amounts that are not negative:

    support   max(excess, 0)       oppose   max(-excess, 0)
    absolute  |excess|             variance excess^2

With p the amounts over their sum: effective bins = 1 / sum p^2 (the inverse Simpson index; as
many equal bins would be as concentrated), the share of the largest k, and the Gini coefficient
over all bins with documents, 0 = all alike, near 1 = one bin holds everything.
"""

import numpy as np
import polars as pl

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.study_maps import StudyMaps

TOP = (1, 5, 10, 50)
SCHEMA = {
    "benchmark": pl.String,
    "part": pl.String,
    "n_bins": pl.Int64,
    "n_positive": pl.Int64,
    "gini": pl.Float64,
    "effective_bins": pl.Float64,
    **{f"top{k}_share": pl.Float64 for k in TOP},
    "top_topic": pl.String,
    "top_format": pl.String,
}


def amounts(excess: np.ndarray) -> dict[str, np.ndarray]:
    """The four amounts of each bin from its excess over the mean bin."""
    return {
        "support": np.maximum(excess, 0),
        "oppose": np.maximum(-excess, 0),
        "absolute": np.abs(excess),
        "variance": excess**2,
    }


def concentration_table(maps: StudyMaps) -> pl.DataFrame:
    """Concentration of every map.

    Args:
        maps: of the study.

    Returns:
        Frame with the columns of ``influence/concentration``; no rows for a constant map.
    """
    rows = []
    for name, influence in maps.influence.items():
        places = np.flatnonzero(np.isfinite(influence))
        values = influence[places]
        if len(values) < 2 or not np.ptp(values):
            continue
        for part, amount in amounts(values - values.mean()).items():
            topic, format_ = BINS[places[np.argmax(amount)]]
            rows.append(
                {"benchmark": name, "part": part, "n_bins": len(values)}
                | concentration(amount)
                | {"top_topic": topic, "top_format": format_}
            )
    return pl.DataFrame(rows, schema=SCHEMA)


def concentration(amount: np.ndarray) -> dict[str, float | int | None]:
    """Measures of (n,) amounts that are not negative and not all 0; formulas above.

    The share of the top k is None where there are no more than k bins.
    """
    ordered = np.sort(amount)
    n, total = len(ordered), ordered.sum()
    # 2 sum_i i x_(i) / (n sum x) - (n + 1) / n, with x ascending (Gini's mean difference).
    gini = 2 * np.sum(np.arange(1, n + 1) * ordered) / (n * total) - (n + 1) / n
    shares = {f"top{k}_share": float(ordered[-k:].sum() / total) if k < n else None for k in TOP}
    return {
        "n_positive": int((amount > 0).sum()),
        "gini": float(gini),
        "effective_bins": float(total**2 / np.sum(ordered**2)),
        **shares,
    }
