"""Sufficient statistics for bootstrapping documents and questions, stored beside each bin table.

``influence/resampling/{benchmark}.npz`` holds, for one benchmark, the means of every bin on every
query and each fold's share of the bin's document noise: enough to exchange or redraw queries
and documents, in space that does not grow with the number of documents.
"""

import os
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import atomic_path
from workflow_scripts.influence.uncertainty.jackknife import question_deviations
from workflow_scripts.influence.uncertainty.variance_components import N_BINS, Components, combine


@dataclass(frozen=True)
class Resampling:
    """Redrawable form of one benchmark's map.

    Attributes:
        query_means: (576, Q) float64; mean score of each bin on each query, NaN without
            documents.
        group_bins: (G,) int; bin of each (bin, fold) group.
        group_folds: (G,) int; its fold.
        group_noise: (G,) float64; times independent standard normals and summed over a bin,
            a draw of the document noise as the folds of that bin alone show it.
        group_counts: (G,) int; documents of each group.
        group_means: (G,) float64; mean score of each group over documents and queries.
        clusters: (Q,) int; cluster of each query, drawn and exchanged as one.
        v_fold_raw: (576,) float64; variance of that draw; NaN with one fold or none.
        v_fold: (576,) float64; the variance that draws are scaled to: the bin's own, or
            moderated over the map.
        df_fold: (576,) float64; its degrees of freedom.
        v_query: (576,) float64; variance of the mean over queries.
        v_interaction: (576,) float64; part that document and query variance share.
    """

    query_means: np.ndarray
    group_bins: np.ndarray
    group_folds: np.ndarray
    group_noise: np.ndarray
    group_counts: np.ndarray
    group_means: np.ndarray
    clusters: np.ndarray
    v_fold_raw: np.ndarray
    v_fold: np.ndarray
    df_fold: np.ndarray
    v_query: np.ndarray
    v_interaction: np.ndarray

    @property
    def influence(self) -> np.ndarray:
        """(576,) influence of each bin."""
        return self.query_means.mean(axis=1)

    def noise(
        self, fold_normals: np.ndarray, widening: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws of the error of each bin's influence, from documents and from queries.

        Args:
            fold_normals: as :meth:`document_noise` takes them.
            widening: as :meth:`document_noise` takes it.
            rng: generator of this benchmark's query draws.

        Returns:
            (R, 576) float64; NaN for a bin without documents or with one fold.
        """
        return self.document_noise(fold_normals, widening) + self.query_noise(
            len(fold_normals), rng
        )

    def document_noise(self, fold_normals: np.ndarray, widening: np.ndarray) -> np.ndarray:
        """Draws of the error of each bin's influence that comes from its documents.

        A multiplier bootstrap: every fold's deviation from the mean is weighted by a standard
        normal, and the sum scaled to ``v_fold``.

        Args:
            fold_normals: (R, 576, folds) standard normals, folds at least the largest fold + 1;
                the same for benchmarks scored on the same documents.
            widening: (R, 576) factors, for the degrees of freedom.

        Returns:
            (R, 576) float64; NaN for a bin without documents or with one fold.
        """
        draws = len(fold_normals)
        moderation = np.sqrt(self.v_fold / np.where(self.v_fold_raw > 0, self.v_fold_raw, np.nan))
        by_group = fold_normals[:, self.group_bins, self.group_folds] * self.group_noise  # (R, G)
        starts = np.flatnonzero(np.r_[True, np.diff(self.group_bins) != 0])
        documents = np.full((draws, N_BINS), np.nan)
        documents[:, self.group_bins[starts]] = np.add.reduceat(by_group, starts, axis=1)
        # Copies of one document leave no deviations to weight; their moderated noise is drawn.
        flat = self.v_fold_raw == 0
        documents *= np.where(flat, 1.0, moderation)
        documents[:, flat] = fold_normals[:, flat, 0] * np.sqrt(self.v_fold[flat])
        return documents * widening

    def query_noise(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draws of the error that comes from queries, net of what document noise holds already.

        All bins share the normals, one a cluster, since a query is one and the same for all bins;
        scaled so that documents and queries together have the variance that the bin table reports.

        Args:
            draws: number R.
            rng: generator of this benchmark's query draws.

        Returns:
            (R, 576) float64.
        """
        deviation = question_deviations(self.query_means, self.clusters)  # (576, C)
        count = deviation.shape[1]
        if count == 1:
            return np.zeros((draws, N_BINS))
        total, _ = combine(self.v_fold, self.df_fold, self.v_query, self.v_interaction, count)
        net = np.maximum(total - self.v_fold, 0)
        share = np.sqrt(net / np.where(self.v_query > 0, self.v_query, np.inf))
        return (rng.standard_normal((draws, count)) @ deviation.T) * share


def from_components(parts: Components, own: bool = False) -> Resampling:
    """The redrawable form of a map's components.

    Args:
        parts: variance components of the map.
        own: document noise as the bin's own documents show it, for intervals of what single
            bins take part in; else moderated over the map, as the test of unusual bins has it.
            Moderated, the noise of bins whose documents differ more than those of others (a
            partial dose) is too small, and intervals of 95% cover 85 to 90% (simulated).
    """
    values = {field.name: getattr(parts, field.name) for field in fields(Resampling)}
    if own:
        values |= {"v_fold": parts.v_fold_own, "df_fold": parts.df_fold_own}
    return Resampling(**values)


def save(path: str | os.PathLike, resampling: Resampling) -> None:
    """Write atomically as npz."""
    arrays = {field.name: getattr(resampling, field.name) for field in fields(Resampling)}
    with atomic_path(path) as temporary, Path(temporary).open("wb") as handle:
        np.savez(handle, **arrays)


def load(path: str | os.PathLike) -> Resampling:
    """Read what :func:`save` wrote.

    Raises:
        IntegrityError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Resampling(**{field.name: arrays[field.name] for field in fields(Resampling)})
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{path} is damaged ({error}); delete it and run again") from None
