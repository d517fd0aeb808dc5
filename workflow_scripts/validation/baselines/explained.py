"""Share of the attribution map's variance that each baseline explains.

R2 is that of a least-squares line of the map's bins on the baseline's bins, with intercept;
several baselines enter one linear fit together, where R2 is adjusted for their number k,
1 - (1 - R2)(n - 1) / (n - k - 1). A high R2 says that the map could have been had for less, not
that it is wrong; a low one includes the map's own noise, which nothing can explain.

Intervals are percentiles of a bootstrap over topics and formats, drawn independently of each
other, a bin counting as often as its topic times its format was drawn (Owen 2007, The pigeonhole
bootstrap): bins of one topic or format are alike, so that redrawing bins alone would be too sure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import rankdata

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import polars_schema
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.validation.maps.scorer_maps import map_of
from workflow_scripts.validation.scorers import of_kind

DRAWS_AT_ONCE = 128
# The columns of the table before the map's reliability is joined.
FITTED = {
    name: dtype
    for name, dtype in polars_schema("validation/explained").items()
    if name not in ("reliability", "r2_of_reliable")
}


def r_squared(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """R2 of weighted least-squares fits of y on the columns of x, one fit for each weighting.

    Args:
        x: (n, k) predictors; columns that repeat others add nothing.
        y: (n,) what is explained.
        weight: (R, n) how often each bin counts in each fit.

    Returns:
        (R,) in [0, 1]; NaN where y does not vary.
    """
    total = weight.sum(axis=1, keepdims=True)
    both = np.column_stack([x, y])  # (n, k + 1)
    # Scaled once, so that the cut-off of the pseudo-inverse compares like with like.
    both = (both - both.mean(axis=0)) / np.where(np.ptp(both, axis=0) > 0, both.std(axis=0), 1)
    mean = weight @ both / total  # (R, k + 1)
    products = np.einsum("rn,ni,nj->rij", weight, both, both, optimize=True) / total[:, :, None]
    moments = products - mean[:, :, None] * mean[:, None, :]
    xx, xy, yy = moments[:, :-1, :-1], moments[:, :-1, -1], moments[:, -1, -1]
    fitted = np.einsum("ri,rij,rj->r", xy, np.linalg.pinv(xx, rcond=1e-10, hermitian=True), xy)
    share = np.divide(fitted, yy, out=np.full(len(yy), np.nan), where=yy > 1e-12)
    return np.clip(share, 0, 1)


def adjusted(r2: np.ndarray, n: int, k: int) -> np.ndarray:
    """R2 adjusted for k predictors over n bins; NaN where n <= k + 1."""
    return 1 - (1 - r2) * (n - 1) / (n - k - 1) if n > k + 1 else np.full_like(r2, np.nan)


def weighted_spearman(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Spearman's correlation of samples in which each bin comes ``weight`` times, (R,)."""
    ranks_x, ranks_y = (weighted_ranks(values, weight) for values in (x, y))
    total = weight.sum(axis=1)

    def mean(values: np.ndarray) -> np.ndarray:
        return (weight * values).sum(axis=1) / total

    dx, dy = ranks_x - mean(ranks_x)[:, None], ranks_y - mean(ranks_y)[:, None]
    scale = mean(dx**2) * mean(dy**2)
    return np.divide(
        mean(dx * dy), np.sqrt(scale), out=np.full(len(total), np.nan), where=scale > 0
    )


def weighted_ranks(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(R, n) mid-rank of each value in samples where it comes ``weight`` times."""
    place = rankdata(values, "dense") - 1
    groups = np.zeros((len(weight), place.max() + 1))
    np.add.at(groups.T, place, weight.T)
    before = np.cumsum(groups, axis=1) - groups
    return (before + (groups + 1) / 2)[:, place]


def draw_weights(bins: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap weight of each bin in each redrawn set of topics and formats.

    Args:
        bins: (n,) positions in ``BINS`` of the bins of both maps.
        draws: R.
        rng: of the draws.

    Returns:
        (R, n) float64; topics and formats without such a bin are not drawn.
    """
    labels = np.array([(TOPICS.index(t), FORMATS.index(f)) for t, f in BINS])[bins]
    weight = np.ones((draws, len(bins)))
    for axis in (0, 1):
        present, place = np.unique(labels[:, axis], return_inverse=True)
        share = np.full(len(present), 1 / len(present))
        weight *= rng.multinomial(len(present), share, size=draws)[:, place]
    # A draw that leaves no bin (possible only in a sparse map) says nothing.
    return weight[weight.sum(axis=1) > 0]


def explained_row(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, confidence: float
) -> dict[str, Any]:
    """Measures of one fit with their intervals; None where undefined.

    Args:
        x: (n, k) baselines' bins.
        y: (n,) the map's bins.
        weight: (R, n) from :func:`draw_weights`.
        confidence: coverage of the intervals.
    """
    n, k = x.shape
    once = np.ones((1, n))
    r2 = r_squared(x, y, once)
    chunks = np.array_split(weight, max(1, len(weight) // DRAWS_AT_ONCE))
    drawn = np.concatenate([adjusted(r_squared(x, y, chunk), n, k) for chunk in chunks])
    row = {
        "n_bins": n,
        "n_scorers": k,
        "r2": r2[0],
        "r2_adjusted": adjusted(r2, n, k)[0],
        **_interval("r2", drawn, confidence),
        "spearman": None,
        "spearman_low": None,
        "spearman_high": None,
    }
    if k == 1:
        row["spearman"] = weighted_spearman(x[:, 0], y, once)[0]
        ranks = np.concatenate([weighted_spearman(x[:, 0], y, chunk) for chunk in chunks])
        row |= _interval("spearman", ranks, confidence)
    return {name: None if isinstance(v, float) and np.isnan(v) else v for name, v in row.items()}


def _interval(name: str, drawn: np.ndarray, confidence: float) -> dict[str, float]:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return {f"{name}_low": np.nan, f"{name}_high": np.nan}
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {f"{name}_low": float(low), f"{name}_high": float(high)}


def explained_table(
    own: pl.DataFrame,
    maps: Mapping[str, pl.DataFrame],
    confidence: float,
    bootstraps: int,
    seed: int,
    reliability: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The table ``validation/explained``.

    Args:
        own: the study's map: benchmark, topic, format, influence.
        maps: scorer -> its map, same columns.
        confidence: coverage of the intervals.
        bootstraps: draws of topics and formats.
        seed: the bootstrap's.
        reliability: the table ``influence/reliability`` of the study's map, where it is known.

    Returns:
        Frame with the columns of the table; without rows of a benchmark whose maps share fewer
        than three bins, to which no line can be fitted.
    """
    joint = {"texts": of_kind(maps, "texts"), "all": of_kind(maps, "texts", "gradients")}
    rows = []
    for benchmark in own["benchmark"].unique(maintain_order=True):
        y = map_of(own, benchmark)
        columns = {name: map_of(table, benchmark) for name, table in maps.items()}
        known = np.isfinite(np.stack([y, *columns.values()])).all(axis=0)
        if known.sum() < 3:
            continue
        bins = np.flatnonzero(known)
        weight = draw_weights(bins, bootstraps, stream(seed, "explained", benchmark))
        fits = {name: [name] for name in maps} | {n: each for n, each in joint.items() if each}
        for name, scorers in fits.items():
            x = np.column_stack([columns[each][known] for each in scorers])
            row = explained_row(x, y[known], weight, confidence)
            rows.append({"benchmark": benchmark, "scorer": name, **row})
    fitted = pl.DataFrame(rows, schema=FITTED)
    if reliability is None:
        reliability = pl.DataFrame(schema={"benchmark": pl.String, "corrected": pl.Float64})
    return with_reliability(fitted, reliability)


def with_reliability(explained: pl.DataFrame, reliability: pl.DataFrame) -> pl.DataFrame:
    """Add how much of what can be explained each fit explains.

    A map's noise cannot be explained, and its reliability is the share of its variance that is
    none: of documents and of questions, the two being independent, the part that is left is
    1 - (1 - r_documents) - (1 - r_questions). The baseline's own noise is not accounted for.

    Args:
        explained: rows with benchmark and r2_adjusted.
        reliability: the table ``influence/reliability``.

    Returns:
        The rows with ``reliability`` and ``r2_of_reliable``, null where the reliability is
        unknown or not above 0. The second may exceed 1: it is an estimate, and scorers of the same
        documents and questions share noise with the map.
    """
    left = reliability.group_by("benchmark").agg(
        reliability=1 - (1 - pl.col("corrected")).sum(), unknown=pl.col("corrected").null_count()
    )
    usable = (pl.col("unknown") == 0) & (pl.col("reliability") > 0)
    left = left.select("benchmark", reliability=pl.when(usable).then("reliability"))
    of_reliable = pl.col("r2_adjusted") / pl.col("reliability")
    return explained.join(left, on="benchmark", how="left").with_columns(r2_of_reliable=of_reliable)


def strongest(explained: pl.DataFrame, scorers: Sequence[str]) -> pl.DataFrame:
    """Of some scorers the one with the largest R2 on each benchmark."""
    rows = explained.filter(pl.col("scorer").is_in(list(scorers)))
    return rows.sort("r2", descending=True).group_by("benchmark", maintain_order=True).first()
