"""Delete-one-cluster jackknife of a weighted mean: weights, degrees of freedom, question part.

With clusters f = 1..F of weights w_f (sum 1) and means Y_f, t = sum of w_f Y_f. Without cluster f
the mean is t - w_f / (1 - w_f) (Y_f - t), and

    V = sum_f b_f (Y_f - t)^2,    b_f = (F - 1) / F (w_f / (1 - w_f))^2

(Tukey 1958; the CR3 variance of Bell and McCaffrey 2002, Bias reduction in standard errors for
linear regression with multi-stage samples). Equal clusters give the variance of a mean of F
values. A cluster that holds most of the weight counts for what its removal does, which sums that
divide by one common factor understate.

V is approximately a chi-square whose degrees match its mean and variance under normal means
(Satterthwaite 1946; Bell and McCaffrey 2002): tr(M)^2 / tr(M^2), M = diag(b) K, K the covariance of
Y_f - t. K depends on the clusters: Var Y_f goes with 1 / w_f where what is inside them is
independent, and is the same for all where it is alike; the fewer of the two degrees count. They are
about 1 where one cluster dominates, and serve to compare variances (moderation).

A t interval with those degrees is too wide: an error of t that comes from the dominating cluster
is seen in V as well, so that the two rise together, and intervals covered 99.9%. Intervals take
the degrees of the sum of w_f^2 (Y_f - t)^2 where Var Y_f goes with 1 / w_f,

    df = (1 - S_2)^2 / (S_2 - 2 S_3 + S_2^2),    S_k = sum of w_f^k,

with which they cover what they should in every layout of sites that was simulated (module
``sites`` of docs/simulation/worlds.csv).
For equal clusters both are F - 1.
"""

import numpy as np


def jackknife_weights(weight: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """sqrt(b_f) of every cluster: times Y_f - t, its squares sum to the variance.

    Args:
        weight: (G,) w_f; of several means one after another, each summing to 1.
        starts: (B,) place of the first cluster of each mean.

    Returns:
        (G,) float; NaN for a mean of one cluster.
    """
    count = np.diff(np.r_[starts, len(weight)])
    alone = np.repeat(count == 1, count)
    rest = np.where(alone, np.nan, 1 - weight)
    return np.sqrt(np.repeat((count - 1) / count, count)) * weight / rest


def degrees_of_freedom(weight: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Degrees of freedom of the t interval of each mean, between 1 and F - 1 (formula above).

    Args:
        weight: (G,) as :func:`jackknife_weights` takes them.
        starts: (B,) as :func:`jackknife_weights` takes them.

    Returns:
        (B,) float; NaN for a mean of one cluster.
    """
    s2 = np.add.reduceat(weight**2, starts)
    s3 = np.add.reduceat(weight**3, starts)
    several = np.diff(np.r_[starts, len(weight)]) > 1
    rest = np.where(several, 1 - s2, np.nan)
    return rest**2 / (s2 - 2 * s3 + s2**2)


def chi_square_degrees(weight: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Degrees of freedom of the jackknife variance itself, between 1 and F - 1 (see the module).

    With variances of 1 / w_f, K_ff = 1 / w_f - 1 and K_fg = -1; with a common variance
    K_ff = 1 + S_2 - 2 w_f and K_fg = S_2 - w_f - w_g.

    Args:
        weight: (G,) as :func:`jackknife_weights` takes them.
        starts: (B,) as :func:`jackknife_weights` takes them.

    Returns:
        (B,) float; NaN for a mean of one cluster.
    """

    def total(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts)

    def degrees(diagonal: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """From K_ff and the sum over f, g other than f of b_f b_g K_fg^2."""
        return total(b * diagonal) ** 2 / (total((b * diagonal) ** 2) + pairs)

    b = jackknife_weights(weight, starts) ** 2
    squares = total(weight**2)
    s2 = np.repeat(squares, np.diff(np.r_[starts, len(weight)]))
    c0, c1, c2 = total(b), total(b * weight), total(b * weight**2)
    all_pairs = squares**2 * c0**2 - 4 * squares * c0 * c1 + 2 * c0 * c2 + 2 * c1**2
    alike = degrees(1 + s2 - 2 * weight, all_pairs - total((b * (s2 - 2 * weight)) ** 2))
    independent = degrees(1 / weight - 1, c0**2 - total(b**2))
    return np.minimum(independent, alike)


def question_deviations(query_means: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Deviation of each cluster of questions: its part of the error of a mean over questions.

    Args:
        query_means: (B, Q) mean of each bin on each question.
        clusters: (Q,) int, 0 to C - 1.

    Returns:
        (B, C) float64 whose squares sum to V_query of a bin, and which times independent
        standard normals sum to a draw of its question error; 0 with a single cluster, whose
        questions are taken as given.
    """
    sizes = np.bincount(clusters)
    if len(sizes) == 1:
        return np.zeros((len(query_means), 1))
    deviation = query_means - query_means.mean(axis=1, keepdims=True)
    if len(sizes) < len(clusters):
        order = np.argsort(clusters, kind="stable")
        deviation = np.add.reduceat(deviation[:, order], np.r_[0, np.cumsum(sizes)[:-1]], axis=1)
        deviation /= sizes
    else:
        deviation = deviation[:, np.argsort(clusters)]
    return deviation * jackknife_weights(sizes / len(clusters), np.array([0]))
