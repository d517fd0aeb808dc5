"""Difference of a bin's influence between questions answered right and wrong.

D_b = (mean influence of bin b over questions answered right) - (mean over those answered wrong).
Documents are shared by both sides and questions are not, so that the variance of D has the parts
of a bin's mean (:mod:`workflow_scripts.influence.uncertainty.variance_components`): V_fold from
each fold's own difference of the two means, V_query and V_interaction as the sums of those of the
two sides.
"""

from dataclasses import replace

import numpy as np
import polars as pl
from scipy import stats

from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.uncertainty.error_law import ErrorLaw
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.variance_components import (
    GroupMeans,
    combine,
    components,
)

NO_DOCUMENTS = "no documents"
ONE_FOLD = "one occupied fold"


def correctness(
    groups: GroupMeans, right: np.ndarray, confidence: float = 0.95, multiplicity: str = "bh"
) -> pl.DataFrame:
    """Influence on the questions answered right, on those answered wrong, and the difference.

    Args:
        groups: mean scores of the occupied (bin, fold) groups on each of Q questions.
        right: (Q,) bool; whether the base model answers the question right.
        confidence: coverage of the interval.
        multiplicity: ``bh``, ``by`` or ``local``, for ``q_value``.

    Returns:
        576 rows in the order of ``BINS``, the columns of ``influence/correctness``. What cannot
        be said is null, with the reason.
    """
    sides = [of_questions(groups, chosen) for chosen in (right, ~right)]
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    influence = [
        components(side).influence if side is not None else np.full(len(BINS), np.nan)
        for side in sides
    ]
    difference = influence[0] - influence[1]
    law = ErrorLaw.of((np.full(len(BINS), np.nan), np.nan))
    if min(n_right, n_wrong) > 1:
        law = difference_law(*sides)
    width = law.half_width(stats.norm.ppf(0.5 + confidence / 2))
    p_value = law.p_value(difference)
    occupied = np.isin(np.arange(len(BINS)), groups.bins)
    topics, formats = zip(*BINS, strict=True)
    return pl.DataFrame(
        {
            "topic": topics,
            "format": formats,
            "n_correct": n_right,
            "n_incorrect": n_wrong,
            "influence_correct": influence[0],
            "influence_incorrect": influence[1],
            "difference": difference,
            "se": np.sqrt(law.variance),
            "ci_low": difference - width,
            "ci_high": difference + width,
            "p_value": p_value,
            "q_value": adjust(p_value, multiplicity, difference),
            "reason": reasons(occupied, law.variance, n_right, n_wrong),
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def of_questions(groups: GroupMeans, chosen: np.ndarray) -> GroupMeans | None:
    """The same groups on some of the questions; None where there are none."""
    if not chosen.any():
        return None
    clusters = groups.clusters
    if clusters is not None:
        clusters = np.unique(clusters[chosen], return_inverse=True)[1].reshape(-1)
    return replace(groups, means=groups.means[:, chosen], clusters=clusters)


def difference_law(right: GroupMeans, wrong: GroupMeans) -> ErrorLaw:
    """Law of the error of each bin's difference, from the bin's own document variance.

    The question part has at least as many degrees of freedom as the smaller side alone (Welch),
    and is given no more.

    Args:
        right: groups on the questions answered right, two or more.
        wrong: the same groups on those answered wrong, two or more.

    Returns:
        The law of 576 errors; NaN with fewer than two folds.
    """
    each = [components(side) for side in (right, wrong)]
    by_fold = right.means.mean(axis=1) - wrong.means.mean(axis=1)
    # One value a fold: no question noise of its own.
    documents = components(replace(right, means=by_fold[:, None], clusters=None))
    clusters = min(part.n_clusters for part in each)
    variance, _ = combine(
        documents.v_fold_own,
        documents.df_fold_own,
        sum(part.v_query for part in each),
        sum(part.v_interaction for part in each),
        clusters,
    )
    return ErrorLaw.of(
        (documents.v_fold_own, documents.df_fold_own),
        (variance - documents.v_fold_own, max(clusters - 1, 1)),
    )


def reasons(
    occupied: np.ndarray, variance: np.ndarray, n_right: int, n_wrong: int
) -> list[str | None]:
    """Reason why a number of a bin is null, or None where no number is.

    Args:
        occupied: (576,) bool; whether the bin has documents.
        variance: (576,) of the difference, NaN where unknown.
        n_right: questions answered right.
        n_wrong: questions answered wrong.
    """
    few = None
    for count, side in ((n_right, "right"), (n_wrong, "wrong")):
        if count < 2:
            few = f"{('no question', 'a single question')[count]} answered {side}"
    return [
        NO_DOCUMENTS if not there else few or (None if value >= 0 else ONE_FOLD)
        for there, value in zip(occupied, variance, strict=True)
    ]
