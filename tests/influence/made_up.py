"""Made-up documents with scores on questions, and their group means."""

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans


def world(bins=40, folds=6, questions=30, signal=1.0, noise=1.0):
    """Documents of each bin in folds, 1 to 3 a fold, and their scores on each question."""
    rng = stream(5, "reliability", bins, folds, questions, signal, noise)
    sizes = rng.integers(1, 4, size=(bins, folds))
    owner = np.repeat(np.repeat(np.arange(bins), folds), sizes.ravel())
    fold = np.repeat(np.tile(np.arange(folds), bins), sizes.ravel())
    level = signal * rng.standard_normal(bins)
    scores = level[owner, None] + noise * rng.standard_normal((len(owner), questions))
    return owner, fold, scores


def grouped(owner, fold, scores):
    pairs, inverse, counts = np.unique(
        np.stack([owner, fold], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    means = np.stack([scores[inverse.reshape(-1) == g].mean(axis=0) for g in range(len(pairs))])
    return GroupMeans(pairs[:, 0], pairs[:, 1], counts, means)
