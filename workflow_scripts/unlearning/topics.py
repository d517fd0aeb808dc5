"""Which topic a slot such as ``top01`` stands for."""

import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.relations import SLOT


def ranked_topics(bins: pl.DataFrame) -> list[str]:
    """Topics by the mean influence of their bins with documents, highest first.

    Args:
        bins: one benchmark's table ``influence/bins``.
    """
    means = bins.drop_nulls("influence").group_by("topic").agg(pl.col("influence").mean())
    return means.sort(["influence", "topic"], descending=[True, False])["topic"].to_list()


def resolve_topic(topic: str, bins: pl.DataFrame) -> str:
    """The topic itself, or the one that a slot stands for: ``top01`` is the highest.

    Raises:
        DataError: there are fewer topics with documents than the slot's number.
    """
    slot = SLOT.fullmatch(topic)
    if not slot:
        return topic
    ranked = ranked_topics(bins)
    place = int(slot[1])
    if place > len(ranked):
        raise DataError(
            f"config key 'unlearning.topics' names {topic!r}, but {len(ranked)} topics have "
            f"documents; allowed: top01 to top{len(ranked):02d}"
        )
    return ranked[place - 1]
