"""Random streams and stable hashes; the taxonomy."""

import subprocess
import sys
from pathlib import Path

import pytest

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stable_hash, stream
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS, bin_index, display_name


def test_same_seed_and_keys_give_the_same_draws_and_others_do_not():
    draws = [stream(*keys).random(3).tolist() for keys in ((1, "a"), (1, "a"), (2, "a"), (1, "b"))]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) == 3


def test_stable_hash_is_the_same_in_another_process():
    """Python's own hash of a string differs from process to process."""
    module = "workflow_scripts.common.random_streams"
    code = f"from {module} import stable_hash; print(stable_hash(7, 'doc'))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert int(done.stdout) == stable_hash(7, "doc") == 3_470_766_146_249_705_704


def test_there_are_576_bins_and_every_one_finds_its_place():
    assert len(TOPICS) == len(FORMATS) == 24
    assert len(BINS) == 576
    assert [bin_index(*pair) for pair in BINS] == list(range(576))


@pytest.mark.parametrize(
    ("pair", "words"),
    [(("cooking", "faq"), "topic 'cooking'"), (("health", "poem"), "format 'poem'")],
)
def test_label_outside_the_taxonomy_is_named(pair, words):
    with pytest.raises(DataError, match=words):
        bin_index(*pair)


def test_display_names_are_distinct_and_readable():
    names = {display_name(label) for label in (*TOPICS, *FORMATS)}
    assert len(names) == 48
    assert display_name("q_a_forum") == "Q&A forum"
    assert display_name("food_and_dining") == "Food & dining"
