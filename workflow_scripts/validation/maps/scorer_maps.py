"""Put any scorer of documents through the statistics of the study's own maps.

A baseline is fair only when the same table judges it: every scorer gives mean scores per
(bin, fold) group and query, and ``bin_influence`` turns them into the columns of
``influence/bin_influence``.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS, bin_index
from workflow_scripts.influence.bins.bin_table import GroupMeans, bin_influence
from workflow_scripts.influence.bins.composition import Makeup
from workflow_scripts.influence.uncertainty.false_discovery import adjust


def bin_positions(frame: pl.DataFrame) -> np.ndarray:
    """(n,) int64 position in ``BINS`` of each row's topic and format."""
    pairs = zip(frame["topic"].to_list(), frame["format"].to_list(), strict=True)
    return np.fromiter((bin_index(*pair) for pair in pairs), dtype=np.int64, count=frame.height)


def read_bin_column(path: str | os.PathLike, column: str) -> np.ndarray:
    """(576,) int64 column of ``corpus/bin_summary`` in the order of ``BINS``."""
    frame = read_table(path, "corpus/bin_summary", ["topic", "format", column])
    values = np.zeros(len(BINS), dtype=np.int64)
    values[bin_positions(frame)] = frame[column].to_numpy()
    return values


def occupied_groups(
    bins: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number the (bin, fold) groups that hold documents.

    Args:
        bins: (n,) int position in ``BINS`` of each document.
        folds: (n,) int fold of each document.

    Returns:
        (G, 2) int64 bin and fold of each group, (n,) int64 the group of each document,
        (G,) int64 documents in each group.
    """
    pairs = np.stack([bins, folds], axis=1).astype(np.int64)
    groups, owner, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return groups, owner.reshape(-1), counts.astype(np.int64)


def map_of(table: pl.DataFrame, benchmark: str) -> np.ndarray:
    """(576,) float64 influence of one benchmark in the order of ``BINS``, NaN where null."""
    rows = table.filter(benchmark=benchmark).select("topic", "format", "influence").iter_rows()
    known = {(topic, format_): value for topic, format_, value in rows}
    return np.array([known.get(pair) for pair in BINS], dtype=np.float64)


def agreement(a: np.ndarray, b: np.ndarray) -> tuple[int, float | None, float | None]:
    """Common entries of two maps, their Pearson and Spearman correlation (None below three)."""
    known = np.isfinite(a) & np.isfinite(b)
    x, y = a[known], b[known]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return int(known.sum()), None, None
    return len(x), float(np.corrcoef(x, y)[0, 1]), float(spearmanr(x, y).statistic)


def agreement_rows(
    own: pl.DataFrame,
    other: pl.DataFrame,
    scores: Mapping[str, pl.DataFrame],
    other_scores: Mapping[str, pl.DataFrame],
) -> list[dict[str, Any]]:
    """Agreement of two maps of the same documents, one row per benchmark.

    Args:
        own: the study's map: benchmark, topic, format, influence.
        other: the second map.
        scores: benchmark -> the study's document scores (doc_id, score); empty where rows are
            discarded.
        other_scores: benchmark -> those of the second pass.
    """
    rows = []
    for benchmark in own["benchmark"].unique(maintain_order=True):
        of_bins = agreement(*(map_of(each, benchmark) for each in (own, other)))
        of_documents = (0, None, None)
        if benchmark in scores:
            both = scores[benchmark].join(other_scores[benchmark], on="doc_id", suffix="_other")
            of_documents = agreement(both["score"].to_numpy(), both["score_other"].to_numpy())
        names = ("n_bins", "pearson", "spearman")
        of_rows = ("n_documents", "pearson_documents", "spearman_documents")
        rows.append(
            {"benchmark": benchmark}
            | dict(zip(names, of_bins, strict=True))
            | dict(zip(of_rows, of_documents, strict=True))
        )
    return rows


def write_maps(
    path: str | os.PathLike, maps: Iterable[tuple[str, GroupMeans]], makeup: Makeup
) -> None:
    """Write one scorer's maps of all benchmarks in the columns of ``influence/bin_influence``.

    Their intervals are at 95% and their ``q_unusual`` is Benjamini-Hochberg's whatever the study
    shows, so that another level or control of false discoveries takes no gradient again;
    :func:`read_map` adjusts as the study does.

    Args:
        path: the parquet file.
        maps: benchmark and its group means.
        makeup: sites and likeness of each bin's documents.
    """
    frames = []
    for benchmark, groups in maps:
        frame = bin_influence(groups, makeup, None)
        frames.append(frame.with_columns(pl.lit(benchmark).alias("benchmark")))
    write_table(pl.concat(frames), path, "influence/bin_influence")


def read_map(path: str | os.PathLike, multiplicity: str) -> pl.DataFrame:
    """Read one scorer's maps with ``q_unusual`` as the study controls false discoveries.

    Args:
        path: what :func:`write_maps` wrote.
        multiplicity: ``bh``, ``by`` or ``local``.

    Returns:
        benchmark, topic, format, influence, q_unusual.
    """
    columns = ["benchmark", "topic", "format", "influence", "p_unusual"]
    frames = []
    for (_,), table in read_table(path, "influence/bin_influence", columns).group_by(
        "benchmark", maintain_order=True
    ):
        p, influence = (
            table[name].cast(pl.Float64).to_numpy(allow_copy=True)
            for name in ("p_unusual", "influence")
        )
        q = adjust(p, multiplicity, influence - np.nanmedian(influence))
        q = pl.Series("q_unusual", q, nan_to_null=True)
        frames.append(table.drop("p_unusual").with_columns(q))
    return pl.concat(frames)
