"""Which topic a slot such as ``top01`` stands for."""

import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.relations import SLOT


def ranked_topics(scores: pl.DataFrame) -> list[str]:
    """Topics by the mean influence of their bins with documents, highest first.

    A bin's influence is the mean over its documents, as in ``influence/bin_influence``.

    Args:
        scores: one benchmark's table ``attribution/scores``.
    """
    mean = pl.col("score").mean()
    # Sorted, so that the order of the rows changes no sum.
    ordered = scores.sort("topic", "format", "score")
    bins = ordered.group_by("topic", "format", maintain_order=True).agg(mean)
    means = bins.group_by("topic", maintain_order=True).agg(mean)
    return means.sort(["score", "topic"], descending=[True, False])["topic"].to_list()


def resolve_topic(topic: str, scores: pl.DataFrame) -> str:
    """The topic itself, or the one that a slot stands for: ``top01`` is the highest.

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
