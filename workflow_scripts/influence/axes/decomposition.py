"""Variance decomposition of a map into topic, format and interaction.

With y the influence of the known bins, SS(A) is the sum of squares around the mean that the fit
of the factors A explains. The two factors are not orthogonal where bins are missing, so each
gets the average of what it explains first and what it adds to the other (Lindeman, Merenda and
Gold 1980, the measure "lmg"; the Shapley value of two players):

    SS_topic  = (SS(topic) + SS(topic, format) - SS(format)) / 2,    SS_format by analogy,
    SS_interaction = SS(total) - SS(topic, format).

On a complete grid these are the sums of squares of a two-way analysis of variance, one value a
cell. Noise adds to all of them. With the covariance of the bins' errors

    C = diag(V_fold - V_interaction) + D D^T,    D_bc = sqrt(d_c) (T_bc - t_b),

documents independent between bins, questions shared by them (variance_components.py has the
symbols), a sum of squares with the projection P grows by tr(P C) in the mean. Taken off, what is
left estimates the part of the true map without bias, and may come out below 0 where that is 0.
"""

import numpy as np
import polars as pl

from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.influence.study_maps import StudyMaps
from workflow_scripts.influence.uncertainty.jackknife import question_deviations
from workflow_scripts.influence.uncertainty.resampling import Resampling

COMPONENTS = ("topic", "format", "interaction")
SCHEMA = {
    "benchmark": pl.String,
    "component": pl.String,
    "n_bins": pl.Int64,
    "df": pl.Int64,
    "share": pl.Float64,
    "noise_share": pl.Float64,
    "net_share": pl.Float64,
}
# Singular values below this share of the largest are rounding: factors that repeat each other.
RANK_TOLERANCE = 1e-9


def decomposition_table(maps: StudyMaps) -> pl.DataFrame:
    """Shares of each map's variance over bins.

    Args:
        maps: of the study.

    Returns:
        Frame with the columns of ``influence/decomposition``; no rows for a constant map.
    """
    rows = []
    for name in maps.influence:
        known = maps.known([name])
        y = maps.influence[name][known]
        if len(y) < 3 or not np.ptp(y):
            continue
        bases, df = factor_bases(known)
        parts = sums_of_squares(y[:, None], bases)
        noise = np.full(3, np.nan)
        if maps.redrawable:
            noise = noise_sums(maps.resampling[name], known, bases)
        net = parts - noise
        for number, component in enumerate(COMPONENTS):
            rows.append(
                {
                    "benchmark": name,
                    "component": component,
                    "n_bins": len(y),
                    "df": df[number],
                    "share": parts[number] / parts.sum(),
                    "noise_share": noise[number] / parts.sum(),
                    "net_share": net[number] / net.sum() if net.sum() > 0 else np.nan,
                }
            )
    frame = pl.DataFrame(rows, schema=SCHEMA)
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def factor_bases(known: np.ndarray) -> tuple[list[np.ndarray], list[int]]:
    """Orthonormal bases of topic, format and both, the mean taken out; degrees of freedom.

    Args:
        known: (576,) bool.

    Returns:
        Three (n, rank) arrays, and the degrees of freedom of topic, format and interaction (of
        a factor: of what it adds to the mean alone).
    """
    topics, formats = (np.array(labels)[known] for labels in zip(*BINS, strict=True))
    topic = np.stack([topics == label for label in TOPICS], axis=1).astype(float)
    format_ = np.stack([formats == label for label in FORMATS], axis=1).astype(float)
    bases = [_basis(topic), _basis(format_), _basis(np.hstack([topic, format_]))]
    ranks = [basis.shape[1] for basis in bases]
    return bases, [ranks[0], ranks[1], int(known.sum()) - 1 - ranks[2]]


def _basis(columns: np.ndarray) -> np.ndarray:
    left, size, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return left[:, size > RANK_TOLERANCE * max(size[0], 1.0)]


def sums_of_squares(columns: np.ndarray, bases: list[np.ndarray]) -> np.ndarray:
    """(3,) sums of squares of topic, format and interaction, added up over the (n, k) columns."""
    centred = columns - columns.mean(axis=0)
    explained = [np.square(basis.T @ centred).sum() for basis in bases]
    return _shared_out(*explained, np.square(centred).sum())


def noise_sums(resampling: Resampling, known: np.ndarray, bases: list[np.ndarray]) -> np.ndarray:
    """(3,) what noise adds to the sums of squares in the mean; formula above.

    NaN where a bin has fewer than two occupied folds: nobody knows its noise.
    """
    own = (resampling.v_fold_raw - resampling.v_interaction)[known]
    documents = [np.sum(np.square(basis).sum(axis=1) * own) for basis in bases]
    noise = _shared_out(*documents, own.sum() * (1 - 1 / len(own)))
    deviation = question_deviations(resampling.query_means[known], resampling.clusters)
    return noise + sums_of_squares(deviation, bases)


def _shared_out(topic: float, format_: float, both: float, total: float) -> np.ndarray:
    """Topic, format and interaction from what each factor and both together explain."""
    return np.array([(topic + both - format_) / 2, (format_ + both - topic) / 2, total - both])
