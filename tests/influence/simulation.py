"""Simulated scores of documents on queries, for tests of the statistics."""

import numpy as np

from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.simulation import worlds
from workflow_scripts.simulation.worlds import Noise


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


def simulate(rng, *, queries=100, query_sd=1.0, interaction_sd=1.5, **options):
    """A map of the package's simulation, with the noise of its questions as plain numbers."""
    noise = Noise(queries=queries, query_sd=query_sd, interaction_sd=interaction_sd)
    return worlds.simulate(rng, noise=noise, **options)
