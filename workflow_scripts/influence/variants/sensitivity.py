"""Sensitivity of a map to analysis choices.

Each variant is the study's own map with one choice changed: the damping of the preconditioner,
documents left out, documents weighted by their tokens, or their length taken out. All follow from
the rows that were kept; the variant goes through the same statistics as the map itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from scipy import sparse, stats

from workflow_scripts.common.taxonomy import bin_index
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.uncertainty.false_discovery import adjust
from workflow_scripts.influence.uncertainty.intervals import estimate
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans, components

# Questions of a benchmark up to which each is scored alone.
BATCHES = 128
DAMPINGS = (0.01, 0.1, 1.0)
OWN, TOKENS, LENGTH = "the map itself", "per token", "length taken out"
SITES, DUPLICATES = "without largest site", "without near-duplicates"
SCHEMA = {
    "benchmark": pl.String,
    "variant": pl.String,
    "n_docs": pl.Int64,
    "n_bins": pl.Int64,
    "pearson": pl.Float64,
    "spearman": pl.Float64,
    "n_called": pl.Int64,
    "still_called": pl.Int64,
    "rank_median": pl.Float64,
    "rank_worst": pl.Int64,
    "auroc": pl.Float64,
    "reason": pl.String,
}


def of_damping(damping: float) -> str:
    """Name of the variant with this damping."""
    return f"damping {damping:g}"


def names() -> list[str]:
    """The map itself and every variant."""
    return [OWN, *map(of_damping, DAMPINGS), SITES, DUPLICATES, TOKENS, LENGTH]


def outside_largest_site(documents: pl.DataFrame) -> np.ndarray:
    """(n,) bool: documents that are not of the largest site of their bin.

    A site is one with two documents or more of the bin; of sites of equal size the first by name.

    Args:
        documents: topic, format, url_domain (null where unknown).
    """
    key = ["topic", "format"]
    sites = documents.drop_nulls("url_domain").group_by(*key, "url_domain").len("size")
    sites = sites.filter(pl.col("size") > 1)
    order = [*key, -pl.col("size").cast(pl.Int64), "url_domain"]
    sites = sites.sort(order).group_by(key, maintain_order=True)
    largest = sites.first().select(*key, pl.col("url_domain").alias("largest"))
    joined = documents.join(largest, on=key, how="left", maintain_order="left")
    same = joined.select((pl.col("url_domain") == pl.col("largest")).fill_null(False))
    return ~same.to_series().to_numpy()


def batches(clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take a benchmark's questions together where they are many.

    A score is linear in the query row, so that the mean over batches is that over questions, and
    the variance between batches is the question error: exact with up to ``BATCHES`` questions,
    beyond that with batches for questions. A few clusters stay clusters; many are batched in turn.

    Args:
        clusters: (Q,) cluster of each question.

    Returns:
        (Q, K) float32; a batch's row is the sum of its questions' rows times its column, and
        the mean of batch rows that of all rows. (K,) cluster of each batch.
    """
    numbers = np.unique(clusters, return_inverse=True)[1].reshape(-1)
    count, questions = numbers.max() + 1, len(numbers)
    if questions <= BATCHES:
        return np.eye(questions, dtype=np.float32), numbers
    if count > BATCHES:
        batch, owner = numbers % BATCHES, np.arange(BATCHES)
    else:
        turn = np.zeros(questions, dtype=np.int64)
        for number in range(count):
            mine = numbers == number
            parts = max(1, round(BATCHES * mine.sum() / questions))
            turn[mine] = np.arange(mine.sum()) % parts
        pairs, batch = np.unique(np.stack([numbers, turn]), axis=1, return_inverse=True)
        batch, owner = batch.reshape(-1), pairs[0]
    weight = np.zeros((questions, len(owner)), dtype=np.float32)
    weight[np.arange(questions), batch] = len(owner) / questions
    return weight, owner


class Groups:
    """(bin, fold) groups of all documents, and sums of scores over them."""

    def __init__(self, documents: pl.DataFrame) -> None:
        """Number the occupied groups of documents (topic, format, fold)."""
        pairs = zip(documents["topic"], documents["format"], strict=True)
        bins = np.array([bin_index(*pair) for pair in pairs], dtype=np.int64)
        keys = np.stack([bins, documents["fold"].to_numpy()], axis=1)
        self.keys, owner = np.unique(keys, axis=0, return_inverse=True)
        self.owner = owner.reshape(-1)

    def add(
        self,
        totals: Sequence[np.ndarray],
        place: slice,
        weights: Sequence[np.ndarray],
        rows: torch.Tensor,
        queries: torch.Tensor,
    ) -> None:
        """Add weighted scores of some documents to sums over groups.

        Rows are added up before they are multiplied where that is less work: a big bin has
        many documents in a group.

        Args:
            totals: for each of the weights (G, Q) sums, or (1, Q) over all documents; changed in
                place.
            place: which documents.
            weights: each (n,), of all documents.
            rows: (documents, d) float32 of these documents.
            queries: (Q, d) float32.
        """
        groups, owner = np.unique(self.owner[place], return_inverse=True)
        parts, at = [], np.arange(len(owner))
        for total, weight in zip(totals, weights, strict=True):
            chosen, whole = weight[place].astype(np.float32), len(total) == 1
            shape = (1 if whole else len(groups), len(owner))
            parts.append(sparse.csr_array((chosen, (0 * owner if whole else owner, at)), shape))
        matrix = sparse.vstack(parts, format="csr")
        if matrix.shape[0] < len(owner):
            sums = (torch.from_numpy(matrix @ rows.numpy()) @ queries.T).numpy()
        else:
            sums = matrix @ (rows @ queries.T).numpy()
        start = 0
        for total, part in zip(totals, parts, strict=True):
            to = slice(None) if len(total) == 1 else groups
            total[to] += sums[start : start + part.shape[0]]
            start += part.shape[0]

    def sums(self, weight: np.ndarray) -> np.ndarray:
        """(G,) sums of weights of all documents."""
        return np.bincount(self.owner, weights=weight, minlength=len(self.keys))

    def means(self, totals: np.ndarray, weight: np.ndarray, clusters: np.ndarray) -> GroupMeans:
        """Group means of totals (G, Q), groups without weight left out."""
        counts = self.sums(weight)
        filled = counts > 0
        bins, folds = self.keys[filled].T
        means = totals[filled].astype(np.float64) / counts[filled, None]
        return GroupMeans(bins, folds, counts[filled].astype(np.int64), means, clusters)


@dataclass(frozen=True)
class LengthFit:
    """Slopes of scores on log length within bins.

    Attributes:
        deviation: (n,) log tokens of each document less the mean of its bin.
        shift: (G,) mean log tokens of each group less that of all documents.
    """

    deviation: np.ndarray
    shift: np.ndarray

    @classmethod
    def of(cls, groups: Groups, n_tokens: np.ndarray) -> "LengthFit":
        """From the documents' tokens (n,)."""
        length = np.log(n_tokens)
        bins = groups.keys[groups.owner, 0]
        mean = np.bincount(bins, weights=length) / np.maximum(np.bincount(bins), 1)
        count = groups.sums(np.ones(len(length)))
        return cls(length - mean[bins], groups.sums(length) / count - length.mean())

    def take_out(self, groups: GroupMeans, cross: np.ndarray) -> GroupMeans:
        """The same group means without what length explains.

        Args:
            groups: means of all groups, none left out.
            cross: (Q,) sums of deviation times score over documents.
        """
        squares = float(self.deviation @ self.deviation)
        slope = cross / squares if squares > 0 else 0 * cross
        return replace(groups, means=groups.means - self.shift[:, None] * slope)


def compare(
    groups: GroupMeans, primary: pl.DataFrame, multiplicity: str, support: np.ndarray | None
) -> dict[str, float | int | None]:
    """One variant of one benchmark's map against the map itself.

    Args:
        groups: group means of the variant.
        primary: the map itself, the table ``influence/bins``.
        multiplicity: how its q-values are made.
        support: (576,) bool, the bins that support the benchmark where that is known.
    """
    parts = components(groups)
    values = parts.influence
    own, q = (primary[name].cast(pl.Float64).to_numpy() for name in ("influence", "q_unusual"))
    side = np.sign(own - np.nanmedian(own))
    new_side = values - np.nanmedian(values)
    new_q = adjust(estimate(parts).p_unusual, multiplicity, new_side)
    called = np.nan_to_num(q, nan=1.0) < SIGNIFICANT
    still = called & (np.nan_to_num(new_q, nan=1.0) < SIGNIFICANT) & (np.sign(new_side) == side)
    both = np.isfinite(own) & np.isfinite(values)
    rank = stats.rankdata(-values, "min", nan_policy="omit")
    ranks = rank[called & (side > 0) & both]
    varied = both.sum() > 2 and np.ptp(own[both]) > 0 and np.ptp(values[both]) > 0
    return {
        "n_bins": int(np.isfinite(values).sum()),
        "pearson": float(np.corrcoef(own[both], values[both])[0, 1]) if varied else None,
        "spearman": float(stats.spearmanr(own[both], values[both])[0]) if varied else None,
        "n_called": int(called.sum()),
        "still_called": int(still.sum()),
        "rank_median": float(np.median(ranks)) if len(ranks) else None,
        "rank_worst": int(ranks.max()) if len(ranks) else None,
        "auroc": None
        if support is None
        else _auroc(values[support & both], values[~support & both]),
    }


def _auroc(positive: np.ndarray, negative: np.ndarray) -> float | None:
    """Chance that a positive bin lies above a negative one, ties counting half."""
    if not len(positive) or not len(negative):
        return None
    above = stats.mannwhitneyu(positive, negative).statistic
    return float(above / (len(positive) * len(negative)))


def table(
    measured: Mapping[tuple[str, str], Mapping[str, Any]],
    reasons: Mapping[str, str],
    benchmarks: Sequence[str],
) -> pl.DataFrame:
    """A row a benchmark and variant; without numbers where there is a reason.

    Args:
        measured: benchmark and variant -> its columns.
        reasons: variant -> why it was not made.
        benchmarks: in the order of the study.

    Returns:
        Frame with the columns of ``influence/sensitivity``.
    """
    found = [
        {"benchmark": benchmark, "variant": variant, "reason": reasons.get(variant)}
        | dict(measured.get((benchmark, variant), {}))
        for benchmark in benchmarks
        for variant in names()
    ]
    return pl.DataFrame(found, schema=SCHEMA)
