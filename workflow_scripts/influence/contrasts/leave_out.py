"""Leave-one-bin-out range of a topic's or format's mean."""

from typing import Any

import numpy as np

from workflow_scripts.common.taxonomy import BINS


def leave_out(
    matrix: np.ndarray, rows: np.ndarray, weights: np.ndarray, known: np.ndarray
) -> dict[str, Any]:
    """Range of each unit's mean when one of its bins is left out in turn.

    The bin is left out of the study: the maps are standardised again without it.

    Args:
        matrix: (U, B) averages of bins; equal weights within a unit.
        rows: (K, B) influence of each map in the known bins.
        weights: (K,) of the maps' z.
        known: (576,) bool, which bins these are.

    Returns:
        ``loo_low`` and ``loo_high``, (U,) float64, and the bin whose removal moves the mean most,
        ``loo_topic`` and ``loo_format``, U labels. NaN and None for a unit of one bin, or
        where fewer than two bins would be left.
    """
    bins = [BINS[index] for index in np.flatnonzero(known)]
    low, high = (np.full(len(matrix), np.nan) for _ in range(2))
    labels = np.full((2, len(matrix)), None, dtype=object)
    z = weights @ _standard(rows, rows.mean(axis=1, keepdims=True), _spread(rows))
    means, spreads = means_without(rows)
    for unit, row in enumerate(matrix):
        members = np.flatnonzero(row > 0)
        if len(members) < 2 or rows.shape[1] < 3:
            continue
        inside = rows[:, members]
        others = (inside.sum(axis=1, keepdims=True) - inside) / (len(members) - 1)
        rest = weights @ _standard(others, means[:, members], spreads[:, members])
        low[unit], high[unit] = rest.min(), rest.max()
        labels[:, unit] = bins[members[np.argmax(np.abs(rest - z[members].mean()))]]
    # Labels as lists: polars takes an array that begins with None for foreign objects.
    topics, formats = labels.tolist()
    return {"loo_low": low, "loo_high": high, "loo_topic": topics, "loo_format": formats}


def means_without(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K, B) mean and sample deviation of each row without each of its B >= 3 entries."""
    count = rows.shape[1]
    deviation = rows - rows.mean(axis=1, keepdims=True)
    squares = np.square(deviation)
    left = squares.sum(axis=1, keepdims=True) - squares * count / (count - 1)
    means = rows.mean(axis=1, keepdims=True) - deviation / (count - 1)
    return means, np.sqrt(np.maximum(left, 0) / max(count - 2, 1))


def _spread(rows: np.ndarray) -> np.ndarray:
    return rows.std(axis=1, ddof=1, keepdims=True)


def _standard(values: np.ndarray, means: np.ndarray, spreads: np.ndarray) -> np.ndarray:
    """Standard scores; 0 where there is no spread, as in a constant map."""
    return (values - means) / np.where(spreads > 0, spreads, np.inf)


def without(mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(U,) means without the bin that moves them most: the end that lies farther off."""
    return np.where(mean - low > high - mean, low, high)
