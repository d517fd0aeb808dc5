"""Linear datamodeling score (LDS): rank correlation of summed influence and retrained outputs.

After Park et al. (2023), TRAK, equation 11: over subsets S of the training data, the Spearman
correlation of the output of a model trained on S with the prediction g(S), the sum of the
attribution of what is in S. Deviations: the unit is the bin instead of the document, so a bin
adds its documents times its mean influence; and the output is the mean over the questions of a
benchmark instead of one question's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from workflow_scripts.common.random_streams import stream


@dataclass(frozen=True)
class Output:
    """Predicted output: a benchmark, or a contrast of benchmarks.

    Attributes:
        name: of the benchmark or the contrast.
        weights: benchmark -> its weight; a single 1 for a benchmark.
    """

    name: str
    weights: Mapping[str, float]


def foretold(inside: np.ndarray, n_docs: np.ndarray, influence: np.ndarray) -> np.ndarray:
    """Prediction of every subset: the sum over its bins of documents times mean influence.

    Args:
        inside: (S, B) bool, which bins are in which subset.
        n_docs: (B,) documents of each bin.
        influence: (B,) mean influence of a document of each bin.

    Returns:
        (S,) float64, in the unit of the influence.
    """
    return inside @ (n_docs * influence)


def standardise(values: np.ndarray) -> np.ndarray:
    """Values less their mean, over their sample standard deviation; zeros where it is zero."""
    spread = values.std(ddof=1)
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def observed(outputs: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Observed output of the retrained models, for a benchmark or a contrast.

    A contrast is the weighted sum of the benchmarks' outputs, each standardised over the subsets
    by mean and standard deviation of its mean over seeds, since benchmarks differ in their
    spread. A benchmark is standardised too, which changes no rank.

    Args:
        outputs: benchmark -> (S, K) output of each subset and training seed.
        weights: of the benchmarks.

    Returns:
        (S, K) float64, in standard deviations over subsets.
    """
    total = np.zeros_like(next(iter(outputs.values())), dtype=np.float64)
    for name, weight in weights.items():
        means = outputs[name].mean(axis=1)
        spread = means.std(ddof=1)
        if spread > 0:
            total += weight * (outputs[name] - means.mean()) / spread
    return total


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rank correlation along the last axis, ties with their mean rank; NaN where one is constant.

    Args:
        a: (..., S).
        b: (..., S).

    Returns:
        (...) float64.
    """
    x, y = rankdata(a, axis=-1), rankdata(b, axis=-1)
    x = x - x.mean(axis=-1, keepdims=True)
    y = y - y.mean(axis=-1, keepdims=True)
    spread = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    product = (x * y).sum(axis=-1)
    return np.divide(product, spread, out=np.full_like(spread, np.nan), where=spread > 0)


def reliability(seeds: np.ndarray) -> np.ndarray:
    """Reliability of the mean over seeds: Spearman-Brown over the seeds.

    r is the mean rank correlation over subsets between two seeds, and K r / (1 + (K - 1) r) that
    of the mean over K seeds with the mean over K others.

    Args:
        seeds: (..., S, K) output of each subset and seed.

    Returns:
        (...) float64; NaN with a single seed or without spread.
    """
    k = seeds.shape[-1]
    if k < 2:
        return np.full(seeds.shape[:-2], np.nan)
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    r = np.mean([spearman(seeds[..., i], seeds[..., j]) for i, j in pairs], axis=0)
    return k * r / (1 + (k - 1) * r)


def ceiling(trust: np.ndarray) -> np.ndarray:
    """Largest correlation to be expected of anything with outputs of this reliability.

    A prediction of the outputs' noiseless part correlates with the outputs themselves by the
    square root of their reliability; 0 where that is negative.
    """
    return np.sqrt(np.maximum(trust, 0.0))


def draws_of_subsets(n_subsets: int, n_draws: int, seed: int) -> np.ndarray:
    """(R, S) int: bootstrap draws of subsets, the same for everything that is compared."""
    rng = stream(seed, "retraining bootstrap")
    return rng.integers(n_subsets, size=(n_draws, n_subsets))


def interval(values: np.ndarray, confidence: float) -> tuple[float | None, float | None]:
    """Percentile interval of bootstrap values; (None, None) where any is undefined for most."""
    usable = values[np.isfinite(values)]
    if len(usable) < len(values) / 2:
        return None, None
    low, high = np.quantile(usable, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def weigh_maps(maps: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Value of every bin for a benchmark (its influence) or a contrast (differences of z).

    Args:
        maps: benchmark -> (B,) influence.
        weights: of the benchmarks; a single one means a benchmark.
    """
    if len(weights) == 1:
        return maps[next(iter(weights))]
    return sum(weight * standardise(maps[name]) for name, weight in weights.items())


def outputs_of(benchmarks: Sequence[str], contrasts: Sequence[Output]) -> list[Output]:
    """Every benchmark, then every contrast."""
    return [*(Output(name, {name: 1.0}) for name in benchmarks), *contrasts]
