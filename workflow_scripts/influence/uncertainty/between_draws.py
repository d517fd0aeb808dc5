"""Variance of a map over draws of what else made it: random projections, training seeds.

Let X_k be the map of draw k = 1 to n (576 bins), and D_k = X_k less the mean over draws. A bin's
variance over draws, s^2 = sum_k D_k^2 / (n - 1), also holds what the draws make of these very
documents and questions, which the errors over documents and questions hold already: every other
draw of documents would move D_k. That part is

    e = sum_k V(D_k) / (n - 1),    V(D_k) = V_fold + V_query - V_interaction

of the scores' deviations (:mod:`workflow_scripts.influence.uncertainty.variance_components`), and
s^2 - e is without bias for the draws' own part, which those errors lack. Bin by bin it has n - 1
degrees of freedom and may fall below 0, so the share of it is pooled over the bins and multiplied
with the moderated s^2.
"""

from collections.abc import Sequence

import numpy as np

from workflow_scripts.influence.uncertainty.moderated_variance import fit_prior, moderate
from workflow_scripts.influence.uncertainty.variance_components import N_BINS, Components


def sampling_variance(parts: Components) -> np.ndarray:
    """(576,) V_fold + V_query - V_interaction of a map, NaN with fewer than two folds."""
    return parts.v_fold_raw + parts.v_query - parts.v_interaction


def variance_over_draws(
    deviations: np.ndarray, sampling: Sequence[np.ndarray], scale: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of one draw's map around the mean over all possible draws, bin by bin.

    Args:
        deviations: (n, 576) D_k, NaN for a bin without documents.
        sampling: V(D_k) of each, (576,) arrays, NaN where unknown.
        scale: (576,) what the variance of a bin is in proportion to; None for the same in all.

    Returns:
        (576,) float64 variance, moderated over the bins, in squared units of the maps, and (576,)
        the part of it that documents and questions do not explain. NaN for a bin without documents,
        and throughout with fewer than two draws.
    """
    found = np.full(N_BINS, np.nan)
    n, known = len(deviations), np.isfinite(deviations).all(axis=0)
    if n < 2 or not known.any():
        return found, found
    size = np.ones(N_BINS) if scale is None else scale
    gross = np.square(deviations).sum(axis=0) / (n - 1) / size
    noise = np.sum(sampling, axis=0) / (n - 1) / size
    both = known & np.isfinite(noise)
    total = gross[both].sum()
    share = np.clip(1 - noise[both].sum() / total, 0, 1) if total > 0 else 1.0
    df = np.full(known.sum(), n - 1.0)
    moderated, _ = moderate(gross[known], df, fit_prior(gross[known], df))
    found[known] = moderated * size[known]
    return found, share * found
