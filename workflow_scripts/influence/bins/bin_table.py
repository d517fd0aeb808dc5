"""The bin table of one benchmark and scorer: influence with its uncertainty.

Every scorer (trackstar, cosine, dot, tfidf, untrained, shuffled) goes through
:func:`bin_influence`, so that their tables differ in the scores alone.
"""

import logging

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.composition import Makeup
from workflow_scripts.influence.uncertainty.between_bin_spread import MAD_TO_SD
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.family_wise import Family, family_wise
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.selection import effect_p, fcr_interval
from workflow_scripts.influence.uncertainty.shrinkage import shrink
from workflow_scripts.influence.uncertainty.variance_components import (
    Components,
    GroupMeans,
    components,
)

__all__ = ["GroupMeans", "bin_influence", "table"]

logger = logging.getLogger("atlas")


def bin_influence(
    groups: GroupMeans,
    makeup: Makeup,
    coherence: np.ndarray | None,
    confidence: float = 0.95,
    multiplicity: str = "bh",
    family: Family | None = None,
    smallest_effect: float = 0.0,
) -> pl.DataFrame:
    """The bin table of one benchmark: 576 rows, positive influence = supports.

    Args:
        groups: mean scores of the occupied (bin, fold) groups on each query.
        makeup: sites and likeness of each bin's documents.
        coherence: (576,) norm of each bin's mean row, NaN for an empty bin; None where the
            scorer has no rows.
        confidence: coverage of the intervals, in (0, 1).
        multiplicity: ``bh``, ``by`` or ``local``, for ``q_unusual``.
        family: how ``p_max`` is drawn; None leaves it null.
        smallest_effect: for ``p_effect``, in units of ``robust_z``; 0 leaves it null.

    Returns:
        Frame in the order of ``BINS`` with topic, format and the columns that
        ``schemas/tables/influence.yaml`` declares for ``bins``. A bin without documents is
        null throughout, but for ``n_docs`` = 0. A bin with one occupied fold has a mean and
        no error: se, interval, p-values and the shrunk influence are null.
    """
    parts = components(groups)
    return table(parts, makeup, coherence, confidence, multiplicity, family, smallest_effect)


def table(
    parts: Components,
    makeup: Makeup,
    coherence: np.ndarray | None,
    confidence: float = 0.95,
    multiplicity: str = "bh",
    family: Family | None = None,
    smallest_effect: float = 0.0,
    v_projection: tuple[np.ndarray, np.ndarray] | None = None,
) -> pl.DataFrame:
    """The bin table from variance components; arguments as :func:`bin_influence`.

    ``v_projection`` is what the squared error owes to the random projection, (576,) in all and
    (576,) beyond the other errors; None or NaN where that is not known.
    """
    found = estimate(parts, confidence)
    empty = parts.n_docs == 0
    nothing = np.full(len(BINS), np.nan)
    logger.info(
        "%d bins with documents; document variance: prior %.3g with %.1f degrees of freedom; "
        "spread of bins net of noise (sd): %.3g",
        (~empty).sum(),
        parts.prior.variance,
        parts.prior.df,
        np.sqrt(found.tau2),
    )
    influence = parts.influence
    projected, added = v_projection or (nothing, nothing)
    of_makeup = {
        name: np.where(empty, np.nan, getattr(makeup, name))
        for name in ("n_sites", "n_components", "n_effective", "dominated")
    }
    q_unusual = adjust(found.p_unusual, multiplicity, influence - np.nanmedian(influence))
    fcr_low, fcr_high = fcr_interval(parts, q_unusual, confidence)
    p_effect = effect_p(parts, smallest_effect)
    columns = {
        **of_makeup,
        "influence": influence,
        "se": found.se,
        "df": parts.df_fold_own,
        "se_corpus": corpus_error(parts, makeup),
        "se_centred": found.se_centred,
        "se_moderated": np.sqrt(found.moderated),
        "se_projection": np.sqrt(projected),
        "se_added": np.sqrt(added),
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "fcr_low": fcr_low,
        "fcr_high": fcr_high,
        "z": standardise(influence),
        "robust_z": robust_standardise(influence),
        "rank": np.where(empty, np.nan, stats.rankdata(-influence, "min", nan_policy="omit")),
        "shrunk": shrink(influence, found.moderated, found.df_moderated),
        "p_value": found.p_value,
        "p_unusual": found.p_unusual,
        "q_unusual": q_unusual,
        "p_effect": p_effect,
        "q_effect": adjust(p_effect),
        "p_max": nothing if family is None else family_wise(parts, found, family),
        "coherence": nothing if coherence is None else np.where(empty, np.nan, coherence),
    }
    topics, formats = zip(*BINS, strict=True)
    frame = pl.DataFrame(
        {"topic": topics, "format": formats, "n_docs": parts.n_docs, **columns}
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    return frame.with_columns(
        pl.col("n_sites", "n_components", "rank").cast(pl.Int64),
        pl.col("dominated").cast(pl.Boolean),
    )


def corpus_error(parts: Components, makeup: Makeup) -> np.ndarray:
    """Error of influence as that of this corpus's bin, of which documents are a random sample.

    The document part shrinks by 1 - n / N (finite population; Cochran 1977, Sampling techniques,
    section 2.6): sqrt((1 - n / N) (V_fold - V_interaction) + V_query). V_fold is the variance of a
    random sample where every document is a component of its own. Where some come together, the
    variance within folds would be needed, which sums over folds do not hold.

    Args:
        parts: variance components of one map.
        makeup: of its bins.

    Returns:
        (576,) errors; V_query alone where the bin holds no other documents, NaN where documents
        share components or nothing is known of them.
    """
    rest = 1 - makeup.share_drawn
    documents = np.maximum(parts.v_fold_raw - parts.v_interaction, 0)
    documents = np.where(makeup.n_components == parts.n_docs, documents, np.nan)
    return np.sqrt(np.where(rest <= 0, 0.0, rest * documents) + parts.v_query)


def standardise(values: np.ndarray) -> np.ndarray:
    """Standard scores (z) over the entries that are not NaN, with the sample standard deviation.

    All NaN where fewer than two entries are known or all are equal.
    """
    if np.isfinite(values).sum() < 2:
        return np.full(values.shape, np.nan)
    spread = np.nanstd(values, ddof=1)
    return (values - np.nanmean(values)) / (spread if spread > 0 else np.nan)


def robust_standardise(values: np.ndarray) -> np.ndarray:
    """(value - median) / (1.4826 MAD); all NaN where the MAD is 0."""
    deviation = values - np.nanmedian(values)
    mad = MAD_TO_SD * np.nanmedian(np.abs(deviation))
    return deviation / (mad if mad > 0 else np.nan)
