"""Slots stand for ranked topics, labels for themselves."""

import polars as pl
import pytest

from workflow_scripts.common.errors import DataError
from workflow_scripts.unlearning.selection.topics import ranked_topics, resolve_topic

SCORES = pl.DataFrame(
    {
        "topic": ["a", "a", "a", "b", "c", "c"],
        "format": ["x", "x", "y", "x", "x", "y"],
        "score": [0.8, 1.0, 0.1, 0.6, -0.2, -0.4],
    }
)


def test_topics_are_ranked_by_the_mean_of_their_bins_with_documents():
    """Means of the bins' means 0.5, 0.6 and -0.3; over documents a would be first."""
    assert ranked_topics(SCORES) == ["b", "a", "c"]


@pytest.mark.parametrize(("slot", "topic"), [("top01", "b"), ("top02", "a"), ("top03", "c")])
def test_a_slot_is_the_topic_of_its_rank(slot, topic):
    assert resolve_topic(slot, SCORES) == topic
    assert resolve_topic(slot, SCORES.reverse()) == topic


def test_a_label_is_itself():
    assert resolve_topic("c", SCORES) == "c"
    assert resolve_topic("top1", SCORES) == "top1"


def test_equal_topics_are_ranked_by_name():
    even = pl.DataFrame({"topic": ["b", "a"], "format": ["x", "x"], "score": [0.5, 0.5]})
    assert ranked_topics(even) == ["a", "b"]


def test_a_slot_beyond_the_topics_is_one_clear_line():
    with pytest.raises(DataError) as caught:
        resolve_topic("top04", SCORES)
    message = str(caught.value)
    assert "\n" not in message
    assert "'unlearning.topics' names 'top04'" in message
    assert "3 topics" in message and "top01 to top03" in message
