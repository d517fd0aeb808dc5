"""The maps of several trainings of one model: agreement, mean map, what training adds to an error.

Maps are compared as z (standardised over the bins that all have), since the scale of a mean cosine
is each model's own. Every training has projections of its own, so that what these add to the errors
over documents and questions (``se_added``) is taken off a bin's variance over trainings as well;
where it is not known, ``v_model`` contains it.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.uncertainty.between_draws import variance_over_draws
from workflow_scripts.influence.uncertainty.resampling import Resampling
from workflow_scripts.influence.uncertainty.variance_components import (
    N_BINS,
    GroupMeans,
    components,
)


@dataclasses.dataclass(frozen=True)
class ModelMap:
    """One model's map of one benchmark.

    Attributes:
        bins: its table ``influence/bins``, in the order of ``BINS``.
        resampling: its redrawable form.
    """

    bins: pl.DataFrame
    resampling: Resampling

    def column(self, name: str) -> np.ndarray:
        """(576,) float64 of a column, NaN where null."""
        return self.bins[name].to_numpy().astype(np.float64)

    @property
    def called(self) -> np.ndarray:
        """(576,) bool; bins outside the spread of bins."""
        return self.column("q_unusual") < SIGNIFICANT


def known_bins(models: Sequence[ModelMap]) -> np.ndarray:
    """(576,) bool; bins that all models scored."""
    return np.all([np.isfinite(each.column("influence")) for each in models], axis=0)


def scaled(model: ModelMap, known: np.ndarray) -> tuple[np.ndarray, float]:
    """(576,) z over the known bins, NaN elsewhere, and the deviation that it was divided by."""
    values = np.where(known, model.column("influence"), np.nan)
    spread = float(np.nanstd(values, ddof=1)) if known.sum() > 1 else 0.0
    return (values - np.nanmean(values)) / (spread or np.nan), spread or np.nan


def agreement_rows(models: Mapping[str, ModelMap]) -> list[dict]:
    """Agreement of the maps of each pair of models.

    Returns:
        Rows of ``influence/model_seeds`` but for the benchmark.
    """
    names, rows = list(models), []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            a, b = models[first], models[second]
            known = known_bins([a, b])
            x, y = a.column("influence")[known], b.column("influence")[known]
            flat = len(x) < 3 or not np.ptp(x) or not np.ptp(y)
            rows.append(
                {
                    "model_a": first,
                    "model_b": second,
                    "n_bins": len(x),
                    "pearson": None if flat else float(np.corrcoef(x, y)[0, 1]),
                    "spearman": None if flat else float(spearmanr(x, y).statistic),
                    "called_a": int(a.called.sum()),
                    "called_b": int(b.called.sum()),
                    "called_both": int((a.called & b.called).sum()),
                }
            )
    return rows


def bin_rows(models: Sequence[ModelMap]) -> pl.DataFrame:
    """Rows of each bin over all trainings, the study's own model first.

    Returns:
        Frame with the columns of ``influence/model_bins`` but for the benchmark.
    """
    known = known_bins(models)
    z, spreads = zip(*(scaled(each, known) for each in models), strict=True)
    mean = np.mean(z, axis=0)
    sampling = sampling_variances([each.resampling for each in models], spreads)
    for place, (each, spread) in enumerate(zip(models, spreads, strict=True)):
        projection = np.nan_to_num(each.column("se_added") / spread) ** 2
        # An independent error's share of the deviation from the mean over models.
        sampling[place] += projection * (1 - 1 / len(models))
    topics, formats = zip(*BINS, strict=True)
    return pl.DataFrame(
        {
            "topic": topics,
            "format": formats,
            "n_models": [len(models)] * N_BINS,
            "z": z[0],
            "z_mean": mean,
            "v_model": variance_over_draws(np.stack(z) - mean, sampling)[1],
            "n_called": np.sum([each.called for each in models], axis=0),
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def sampling_variances(models: Sequence[Resampling], spreads: Sequence[float]) -> list[np.ndarray]:
    """Sampling variance of each z map's deviation from the mean over models.

    The part of its variance that documents and questions explain.

    The interaction of the two, which V_fold and V_query both hold, is not known across models and
    counted twice; it is their smallest part.

    Args:
        models: redrawable forms on the same documents and questions.
        spreads: standard deviation of each map over bins.

    Returns:
        (576,) arrays, squared units of z; NaN with fewer than two folds.

    Raises:
        IntegrityError: the models scored other documents or questions.
    """
    first = models[0]
    for other in models[1:]:
        same = np.array_equal(first.group_bins, other.group_bins)
        same = same and np.array_equal(first.group_folds, other.group_folds)
        if not same or first.query_means.shape != other.query_means.shape:
            raise IntegrityError(
                "the models' maps are of other documents or questions; delete "
                "influence/siblings and run again"
            )
    by_group = [each.group_means / spread for each, spread in zip(models, spreads, strict=True)]
    by_query = [each.query_means / spread for each, spread in zip(models, spreads, strict=True)]
    found = []
    for groups, queries in zip(by_group, by_query, strict=True):
        documents = _fold_variance(first, groups - np.mean(by_group, axis=0))
        questions = _query_variance(first, queries - np.mean(by_query, axis=0))
        found.append(documents + questions)
    return found


def _fold_variance(form: Resampling, deviation: np.ndarray) -> np.ndarray:
    """V_fold (576,) of deviations (G,) of the groups."""
    groups = form.group_bins, form.group_folds, form.group_counts
    return components(GroupMeans(*groups, deviation[:, None])).v_fold_raw


def _query_variance(form: Resampling, deviation: np.ndarray) -> np.ndarray:
    """V_query (576,) of deviations (576, Q) of the bins."""
    bins = np.flatnonzero(np.isfinite(deviation).all(axis=1))
    one = np.ones(len(bins), dtype=np.int64)
    return components(GroupMeans(bins, 0 * bins, one, deviation[bins], form.clusters)).v_query
