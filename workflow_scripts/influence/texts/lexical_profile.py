"""Words per document and rates per 1,000 words, of bins and of groups of bins, with intervals.

A rate is a ratio of sums over the documents of its bins: 1,000 times the count over the words.
Intervals redraw the folds of every bin (groups of whole sites and near-duplicates), F - 1 of its F
with replacement and weights scaled by F / (F - 1), so that the variance is not too small by that
factor (Rao and Wu 1988, Resampling inference with complex survey data); the bins themselves are
given. Bins differ in their words whatever they do for a benchmark, so that such an interval of top
less rest excludes 0 for most sets of bins; its p value comes from relabelled topics and formats
instead.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.texts.word_counts import Counts, Lexicon, bins_of_formats

logger = logging.getLogger("atlas")

# Draws that are made at once; bounds memory whatever their number.
DRAW_CHUNK = 32
# Share of the bins with documents that is taken where none is unusual.
TOP_SHARE = 0.05
BY_Q, BY_SHARE = f"q_unusual < {SIGNIFICANT}", f"top {TOP_SHARE:.0%}"


@dataclass(frozen=True)
class Drawn:
    """Sums over bins' documents, as they are and redrawn.

    Attributes:
        documents: (576,) documents of each bin.
        several: (576,) bool; whether a bin has two occupied folds or more, and is redrawn.
        totals: (576, 2 + M) documents, words and the counts of the measures.
        draws: (R, 576, 2 + M) the same, redrawn.
    """

    documents: np.ndarray
    several: np.ndarray
    totals: np.ndarray
    draws: np.ndarray


def redraw(
    documents: np.ndarray, sums: np.ndarray, bootstraps: int, rng: np.random.Generator
) -> Drawn:
    """Redraw the folds of every bin.

    Args:
        documents: (576, F) documents of each bin and fold; 0 where there is no such fold.
        sums: (576, F, 1 + M) words and counts.
        bootstraps: number of draws R.
        rng: generator.
    """
    values = np.concatenate([documents[:, :, None], sums], axis=2).astype(float)
    # Occupied folds first, so that a draw in [0, number of folds) finds one.
    order = np.argsort(documents == 0, axis=1, kind="stable")
    values = np.take_along_axis(values, order[:, :, None], axis=1)
    n_folds = (documents > 0).sum(axis=1)
    several = n_folds > 1
    draws = np.empty((bootstraps, *values.shape[::2]))
    for first in range(0, bootstraps, DRAW_CHUNK):
        chunk = draws[first : first + DRAW_CHUNK]
        weights = fold_weights(n_folds, values.shape[1], len(chunk), rng)  # (576, r, F)
        chunk[:] = (weights @ values).transpose(1, 0, 2)
    return Drawn(documents.sum(axis=1), several, values.sum(axis=1), draws)


def fold_weights(
    n_folds: np.ndarray, width: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Weights of each bin's folds in each draw, (B, draws, width) float64 of mean 1.

    A bin with one fold keeps it, with weight 1.

    Args:
        n_folds: (B,) int occupied folds of each bin.
        width: largest number of folds.
        draws: number of draws.
        rng: generator.
    """
    shape = (len(n_folds), draws, width)
    picks = (rng.random(shape) * n_folds[:, None, None]).astype(int)
    used = np.arange(width) < n_folds[:, None, None] - 1  # (B, 1, width)
    weights = np.zeros(shape)
    place = np.ogrid[: shape[0], : shape[1]]
    for turn in range(width):
        weights[place[0], place[1], picks[:, :, turn]] += used[:, :, turn]
    scale = n_folds / np.maximum(n_folds - 1, 1)
    weights *= scale[:, None, None]
    weights[n_folds == 1, :, 0] = 1.0
    return weights


def top_bins(bins: pl.DataFrame) -> tuple[np.ndarray, str]:
    """Bins that support a benchmark most: those called unusual above the median, else the top 5%.

    Args:
        bins: the benchmark's rows of ``influence/bin_influence`` in the order of ``BINS``.

    Returns:
        (576,) bool, and how they were chosen.
    """
    influence, q = (bins[name].to_numpy().astype(float) for name in ("influence", "q_unusual"))
    called = (q < SIGNIFICANT) & (influence > np.nanmedian(influence))
    if called.any():
        return called, BY_Q
    known = np.flatnonzero(np.isfinite(influence))
    count = int(np.ceil(TOP_SHARE * len(known)))
    chosen = np.zeros(len(bins), dtype=bool)
    chosen[known[np.argsort(-influence[known], kind="stable")[:count]]] = True
    return chosen, BY_SHARE


def rates(totals: np.ndarray) -> np.ndarray:
    """Words per document and rates per 1,000 words from (..., 2 + M) sums; NaN where none."""
    documents, words = totals[..., :1], totals[..., 1:2]
    length = np.divide(words, documents, out=np.full_like(words, np.nan), where=documents > 0)
    rest = np.full_like(totals[..., 2:], np.nan)
    return np.concatenate(
        [length, np.divide(1000 * totals[..., 2:], words, out=rest, where=words > 0)], axis=-1
    )


def relabelled_p(
    totals: np.ndarray, chosen: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Two-sided p that other bins in the same arrangement differ from the rest as much.

    Topics and formats are relabelled, each as a whole, so that a region that fills a topic is
    held against others that do.

    Args:
        totals: (576, 2 + M) documents, words and counts.
        chosen: (576,) bool; the bins that are compared with the rest.
        draws: relabellings.
        rng: generator.

    Returns:
        (1 + M,) of words per document and the rates; NaN where a group has no words.
    """
    known = totals[:, 0] > 0

    def difference(mask: np.ndarray) -> np.ndarray:
        sides = (totals[mask & known].sum(axis=0), totals[~mask & known].sum(axis=0))
        first, second = map(rates, sides)
        return first - second

    own, grid = difference(chosen), chosen.reshape(len(TOPICS), len(FORMATS))
    null = np.empty((draws, len(own)))
    for draw in null:
        topics, formats = rng.permutation(len(TOPICS)), rng.permutation(len(FORMATS))
        draw[:] = difference(grid[topics][:, formats].ravel())
    # A relabelling whose bins have no documents says nothing.
    made = np.isfinite(null).sum(axis=0)
    # Up to rounding, for a relabelling may be the region itself.
    beyond = np.abs(np.nan_to_num(null)) >= np.abs(own) * (1 - 1e-12)
    p = (1 + (beyond & np.isfinite(null)).sum(axis=0)) / (1 + made)
    return np.where(np.isfinite(own) & (made > 0), p, np.nan)


class Profile:
    """Collects the rows of ``influence/lexical_profile``."""

    def __init__(self, drawn: Drawn, measures: Sequence[str], confidence: float) -> None:
        """Take what was counted; ``measures`` without the words."""
        self.drawn, self.measures = drawn, ["words", *measures]
        self.tail = (1 - confidence) / 2
        self.frames: list[pl.DataFrame] = []

    def add_bins(self) -> None:
        """A row for every bin and measure."""
        values, draws = rates(self.drawn.totals), rates(self.drawn.draws)
        draws[:, ~self.drawn.several] = np.nan
        low, high = self._interval(draws)
        for index, (topic, format_) in enumerate(BINS):
            words = self.drawn.totals[index, 1]
            sizes = [int(self.drawn.documents[index] > 0), self.drawn.documents[index], words]
            labels = {"group": "bin", "topic": topic, "format": format_}
            self._rows(labels, sizes, values[index], low[index], high[index])

    def add_pair(
        self,
        names: tuple[str, str],
        masks: tuple[np.ndarray, np.ndarray],
        p: np.ndarray | None = None,
        **labels: str,
    ) -> None:
        """Rows for two groups of bins and for their difference.

        Args:
            names: of the groups.
            masks: (576,) bool each; the bins of each group.
            p: (1 + M,) p of the difference, where it has one.
            labels: benchmark and selection, where there are.
        """
        found = []
        for name, mask in zip(names, masks, strict=True):
            mask = mask & (self.drawn.documents > 0)
            value = rates(self.drawn.totals[mask].sum(axis=0))
            draws = rates(self.drawn.draws[:, mask].sum(axis=1))
            sizes = np.array(
                [mask.sum(), self.drawn.documents[mask].sum(), self.drawn.totals[mask, 1].sum()]
            )
            found.append((sizes, value, draws))
            self._rows({"group": name, **labels}, sizes, value, *self._interval(draws))
        (sizes, value, draws), (other_sizes, other, other_draws) = found
        self._rows(
            {"group": " - ".join(names), **labels},
            sizes + other_sizes,
            value - other,
            *self._interval(draws - other_draws),
            p,
        )

    def table(self) -> pl.DataFrame:
        """All rows."""
        return pl.concat(self.frames).with_columns(pl.col(pl.Float64).fill_nan(None))

    def _interval(self, draws: np.ndarray) -> np.ndarray:
        """Ends (2, ...) of the percentile interval over draws (R, ...); NaN where a draw is."""
        return np.quantile(draws, [self.tail, 1 - self.tail], axis=0)

    def _rows(
        self,
        labels: dict[str, str],
        sizes: Sequence[float],
        values: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        p: np.ndarray | None = None,
    ) -> None:
        kinds = ("group", "benchmark", "topic", "format", "selection")
        fixed = {name: pl.lit(labels.get(name), dtype=pl.String) for name in kinds}
        counts = {
            name: pl.lit(int(size))
            for name, size in zip(("n_bins", "n_docs", "n_words"), sizes, strict=True)
        }
        frame = pl.DataFrame(
            {
                "measure": self.measures,
                "value": values,
                "ci_low": low,
                "ci_high": high,
                "p_value": np.full(len(values), np.nan) if p is None else p,
            }
        )
        self.frames.append(frame.with_columns(**fixed, **counts))


def lexical_profile(
    counts: Counts,
    lexicon: Lexicon,
    bins: pl.DataFrame,
    bootstraps: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """The table ``influence/lexical_profile`` from what was counted.

    Args:
        counts: sums of every (bin, fold).
        lexicon: what was counted, and the formats to compare.
        bins: ``influence/bin_influence``, 576 rows a benchmark in the order of ``BINS``.
        bootstraps: draws behind the intervals.
        confidence: coverage of the intervals.
        seed: of the draws.
    """
    drawn = redraw(counts.documents, counts.sums, bootstraps, stream(seed, "lexical profile"))
    rows = Profile(drawn, lexicon.measures, confidence)
    rows.add_bins()
    for (benchmark,), frame in bins.group_by("benchmark", maintain_order=True):
        chosen, selection = top_bins(frame)
        logger.info("%s: %d top bins (%s)", benchmark, chosen.sum(), selection)
        rng = stream(seed, "lexical profile", "relabelled", benchmark)
        p = relabelled_p(drawn.totals, chosen, bootstraps, rng)
        labels = {"benchmark": str(benchmark), "selection": selection}
        rows.add_pair(("top", "rest"), (chosen, ~chosen), p, **labels)
    masks = bins_of_formats(lexicon.interactional), bins_of_formats(lexicon.expository)
    rows.add_pair(("interactional", "expository"), masks)
    return rows.table()
