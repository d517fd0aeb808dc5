"""Posterior probability that a topic (format) is among the k highest.

The values of the units as seen are true values plus errors of documents and questions, and the
highest as seen is high by its error too. With the units' true values draws from N(centre, A) and
S the covariance of the errors' draws, a draw from the posterior is

    theta = theta* + A (A + S)^-1 (y - theta* - e*)

for a draw theta* from the prior and e* of the errors (Matheron's rule; Journel and Huijbregts 1978,
Mining Geostatistics, section VII.A.1). A is itself an estimate, the variance V over U units less
that of errors: each draw takes its own, V (U - 1) / chi-square_(U - 1) less that of errors, at
least 0. P(top k) is the share of draws in which the unit is one of the k highest. What all units
share does not change their order: values and errors are centred.
"""

from collections.abc import Sequence

import numpy as np


def top_shares(
    value: np.ndarray, error: np.ndarray, tops: Sequence[int], rng: np.random.Generator
) -> np.ndarray:
    """P(each unit is among the k highest), of true values.

    Args:
        value: (U,) values as seen.
        error: (R, U) draws of their errors.
        tops: numbers k.
        rng: generator of the draws from the prior.

    Returns:
        (len(tops), U) shares of draws; 1 where k is at least U, NaN with a single unit.
    """
    n_units = len(value)
    if n_units < 2:
        return np.full((len(tops), n_units), np.nan)
    seen = value - value.mean()
    drawn = error - error.mean(axis=1, keepdims=True)
    noise = drawn.T @ drawn / len(drawn)  # S, (U, U)
    size, basis = np.linalg.eigh(noise)
    own, seen_size = np.trace(noise) / (n_units - 1), seen @ seen / (n_units - 1)
    drawn_size = seen_size * (n_units - 1) / rng.chisquare(n_units - 1, size=(len(drawn), 1))
    # A little above 0: then nothing distinguishes the units, and each is as likely as the others.
    spread = np.maximum(drawn_size - own, 1e-9 * max(own, seen_size, 1e-300))  # (R, 1)
    prior = np.sqrt(spread) * rng.standard_normal(drawn.shape)
    share = spread / (spread + np.maximum(size, 0))  # A (A + S)^-1 in the basis of S
    gain = ((seen - prior - drawn) @ basis * share) @ basis.T
    place = np.argsort(np.argsort(-(prior + gain), axis=1), axis=1)
    return np.stack([(place < k).mean(axis=0) for k in tops])
