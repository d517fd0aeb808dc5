"""Simulated scores of documents on queries, for tests of the statistics."""

import numpy as np

from workflow_scripts.influence.components import GroupMeans


def from_documents(bins, folds, scores):
    """Group means of (n, Q) document scores, by brute force over the groups."""
    keys = sorted(set(zip(bins.tolist(), folds.tolist(), strict=True)))
    members = {key: (bins == key[0]) & (folds == key[1]) for key in keys}
    return GroupMeans(
        np.array([key[0] for key in keys]),
        np.array([key[1] for key in keys]),
        np.array([members[key].sum() for key in keys]),
        np.stack([scores[members[key]].mean(axis=0) for key in keys]),
    )


def grouped(bins, folds, scores):
    """The same in one pass, for many documents."""
    pairs = np.stack([bins, folds], axis=1)
    keys, owner, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(owner.reshape(-1), kind="stable")
    sums = np.add.reduceat(scores[order], np.r_[0, np.cumsum(counts)[:-1]])
    return GroupMeans(keys[:, 0], keys[:, 1], counts, sums / counts[:, None])


def draw(law, rng, size):
    """Standardised draws: normal, t with 4 degrees, log-normal, or a planted mixture."""
    normal = rng.standard_normal(size)
    if law == "normal":
        return normal
    if law == "t4":
        return rng.standard_t(4, size) / np.sqrt(2)
    if law == "lognormal":
        return (np.exp(normal) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
    if law == "planted":
        # 7% support and 4% contradiction documents, six deviations away; mean 0.18 removed.
        share = rng.random(size)
        return normal + 6.0 * (share < 0.07) - 6.0 * (share > 0.96) - 0.18
    raise ValueError(law)


def simulate(
    rng,
    *,
    law="normal",
    bins=576,
    folds=(0, 1, 2, 3, 4, 5, 6, 7),
    queries=100,
    query_sd=1.0,
    interaction_sd=1.5,
    uneven_bins=False,
    site_sd=0.0,
    spread=0.0,
    shift=None,
):
    """One map: documents (a_d) crossed with queries (c_q), noise in each cell.

    Args:
        rng: generator.
        law: of the document effects.
        bins: number of bins.
        folds: fold of each document of a bin.
        queries: number of queries.
        query_sd: deviation of query effects, shared by all bins at loadings around 1.
        interaction_sd: deviation of the noise in each document x query cell.
        uneven_bins: document variances differ between bins (inverse gamma, shape 3).
        site_sd: deviation of an effect that a fold's documents share.
        spread: deviation of the true bin means.
        shift: (bins,) added to the true means.

    Returns:
        group means, (bins,) true means.
    """
    fold = np.tile(np.asarray(folds), bins)
    owner = np.repeat(np.arange(bins), len(folds))
    truth = spread * rng.standard_normal(bins) + (0 if shift is None else shift)
    document = draw(law, rng, len(owner))
    if uneven_bins:
        document = document * np.sqrt(1 / rng.gamma(3, 1 / 3, bins))[owner]
    if site_sd:
        document = document + site_sd * rng.standard_normal((bins, max(folds) + 1))[owner, fold]
    loading = 1 + 0.3 * rng.standard_normal(bins)
    query = query_sd * rng.standard_normal(queries)
    cells = interaction_sd * rng.standard_normal((len(owner), queries))
    scores = (truth[owner] + document)[:, None] + loading[owner][:, None] * query + cells
    return grouped(owner, fold, scores), truth
