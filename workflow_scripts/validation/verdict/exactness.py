"""Bins by the other way: the mean of their documents' scores."""

from collections.abc import Mapping

import polars as pl

from workflow_scripts.common.tables import check_columns

KEYS = ["topic", "format"]


def compare_with_documents(own: pl.DataFrame, scores: Mapping[str, str]) -> pl.DataFrame:
    """The map, and the mean and number of document scores in each of its bins.

    Files of scores are read piece by piece, so that memory does not grow with the documents.

    Args:
        own: the study's map: benchmark, topic, format, n_docs, influence.
        scores: benchmark -> path of its table ``attribution/scores``.

    Returns:
        benchmark, topic, format, n_docs, influence, mean_score (null without documents) and
        n_scores; one row a bin of the map.
    """
    frames = []
    for benchmark, path in scores.items():
        check_columns(path, "attribution/scores", [*KEYS, "score"])
        means = (
            pl.scan_parquet(path)
            .group_by(KEYS)
            .agg(mean_score=pl.col("score").mean(), n_scores=pl.len().cast(pl.Int64))
            .collect(engine="streaming")
        )
        frames.append(means.with_columns(benchmark=pl.lit(benchmark)))
    columns = ["benchmark", *KEYS, "n_docs", "influence"]
    both = own.select(columns).join(pl.concat(frames), on=["benchmark", *KEYS], how="left")
    return both.with_columns(pl.col("n_scores").fill_null(0))
