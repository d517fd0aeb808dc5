"""Cross-half correlation: each of two maps on its own half of every bin's documents.

Maps of a study score the same documents, and a document that happens to resemble one benchmark's
questions tends to resemble another's. Pearson's r of two whole maps holds that shared noise; two
maps without anything in common reach .8 by it where a bin has few documents. Two halves share no
document. Questions need no halves, since every benchmark has its own.

Folds (groups of whole sites and near-duplicates) are split as for reliability, the same halves for
all maps. A half map is noisier than a whole one: halves of two equal maps reach the ceiling
sqrt(r_aa r_bb), where r_aa is the correlation of both halves of map a.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.agreement.grid_jackknife import FEWEST_BINS, Moments, standardised
from workflow_scripts.influence.bins.reliability import document_halves, fold_sums
from workflow_scripts.influence.uncertainty.resampling import Resampling


@dataclass(frozen=True)
class CrossHalves:
    """Correlations of the halves of all maps of a study, in the order of the maps.

    Attributes:
        bins: (B,) int; position in ``BINS`` of each bin with two folds or more.
        products: (K, K, B) float64; mean over splits of a bin's standardised value in one half of
            the row's map times that in the other half of the column's map, both directions.
        squares: (K, B) float64; mean square of those values.
        means: (K, B) float64; their mean.
        spearman: (K, K) float64; mean over splits of the correlation of ranks.
    """

    bins: np.ndarray
    products: np.ndarray
    squares: np.ndarray
    means: np.ndarray
    spearman: np.ndarray

    @property
    def pearson(self) -> np.ndarray:
        """(K, K) mean over splits of Pearson's r; NaN where a half map is constant."""
        return self.products.mean(axis=-1)

    def ceiling(self, a: int, b: int) -> float | None:
        """Noise ceiling: correlation of halves under perfect agreement; None for a map of noise."""
        own = self.pearson[[a, b], [a, b]]
        return float(np.sqrt(own.prod())) if (own > 0).all() else None

    def moments(self, a: int, b: int) -> Moments:
        """Moments of the cross-half correlation of two maps on the whole grid."""
        parts = [
            np.ones(len(self.bins)),
            self.products[a, b],
            *self.squares[[a, b]],
            *self.means[[a, b]],
        ]
        terms = np.zeros((len(parts), len(BINS)))
        terms[:, self.bins] = parts
        return Moments(terms)


def cross_halves(maps: Mapping[str, Resampling], splits: int, seed: int) -> CrossHalves | str:
    """Split the documents of every bin into halves and correlate all maps across them.

    Args:
        maps: benchmark -> its redrawable form.
        splits: random splits R.
        seed: a named seed of the config.

    Returns:
        The correlations, or the reason why there are none.
    """
    parts = list(maps.values())
    keys = ("group_bins", "group_folds", "group_counts")
    if any(
        not np.array_equal(getattr(part, key), getattr(parts[0], key))
        for part in parts
        for key in keys
    ):
        return "the maps score different documents"
    groups = [getattr(parts[0], key) for key in keys]
    tables = [fold_sums(*groups, part.group_means) for part in parts]
    weights = tables[0][1]
    several = (weights > 0).sum(axis=1) > 1
    if several.sum() < FEWEST_BINS:
        return f"fewer than {FEWEST_BINS} bins that can be split"
    sums = np.stack([table[0][several] for table in tables])
    n_maps, n_bins = sums.shape[:2]
    products, ranks = np.zeros((n_maps, n_maps, n_bins)), np.zeros((n_maps, n_maps))
    squares, means = np.zeros((n_maps, n_bins)), np.zeros((n_maps, n_bins))
    for halves in document_halves(sums, weights[several], splits, stream(seed, "cross halves")):
        first, second = (standardised(half) for half in halves)  # (K, r, B)
        products += np.einsum("krb,lrb->klb", first, second)
        squares += (first**2 + second**2).sum(axis=1) / 2
        means += (first + second).sum(axis=1) / 2
        first, second = (standardised(stats.rankdata(half, axis=-1)) for half in halves)
        ranks += np.einsum("krb,lrb->kl", first, second) / n_bins
    return CrossHalves(
        np.unique(groups[0])[several],
        (products + products.swapaxes(0, 1)) / (2 * splits),
        squares / splits,
        means / splits,
        (ranks + ranks.T) / (2 * splits),
    )
