"""Topics of slots such as ``top01``."""

import polars as pl

from workflow_scripts.common.config.cross_checks import SLOT
from workflow_scripts.common.errors import DataError


def topic_means(scores: pl.DataFrame, column: str = "score") -> pl.DataFrame:
    """Topics with the mean influence of their bins with documents, highest first.

    A bin's influence is the mean over its documents, as in ``influence/bin_influence``.

    Args:
        scores: one benchmark's table ``attribution/scores``.
        column: the scores that count.

    Returns:
        topic, score.
    """
    mean = pl.col(column).mean().alias("score")
    # Sorted, so that the order of the rows changes no sum.
    ordered = scores.sort("topic", "format", column)
    bins = ordered.group_by("topic", "format", maintain_order=True).agg(mean)
    means = bins.group_by("topic", maintain_order=True).agg(pl.col("score").mean())
    return means.sort(["score", "topic"], descending=[True, False])


def ranked_topics(scores: pl.DataFrame) -> list[str]:
    """Topics by the mean influence of their bins with documents, highest first.

    Args:
        scores: one benchmark's table ``attribution/scores``.
    """
    return topic_means(scores)["topic"].to_list()


def topics_by_half(scores: pl.DataFrame, target: str, count: int) -> pl.DataFrame:
    """Rows of the table ``unlearning/topics``: agreement of both halves of the questions.

    Args:
        scores: the target's table ``attribution/scores``.
        target: its name.
        count: topics that the study forgets.
    """
    columns = {"": "score", "_a": "score_a", "_b": "score_b"}
    table = None
    for end, column in columns.items():
        means = topic_means(scores, column).with_row_index("rank", 1)
        own = means.select(
            "topic", pl.col("score").alias(f"influence{end}"), pl.col("rank").alias(f"rank{end}")
        )
        table = own if table is None else table.join(own, on="topic")
    known = table["influence_a"].null_count() == table["influence_b"].null_count() == 0
    both = table.filter(pl.col("rank_a") <= count, pl.col("rank_b") <= count).height
    stays = both / min(count, table.height) if known else None
    return table.with_columns(
        pl.lit(target).alias("target"),
        pl.lit(count).alias("n_top"),
        stays=pl.lit(stays, pl.Float64),
    )


def resolve_topic(topic: str, scores: pl.DataFrame) -> str:
    """Topic of a label or a slot: ``top01`` is the highest.

    Raises:
        DataError: there are fewer topics with documents than the slot's number.
    """
    slot = SLOT.fullmatch(topic)
    if not slot:
        return topic
    ranked = ranked_topics(scores)
    place = int(slot[1])
    if place > len(ranked):
        raise DataError(
            f"config key 'unlearning.topics' names {topic!r}, but {len(ranked)} topics have "
            f"documents; allowed: top01 to top{len(ranked):02d}"
        )
    return ranked[place - 1]
