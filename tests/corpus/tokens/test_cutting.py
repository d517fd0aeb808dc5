import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.corpus.tokens.cutting import cut_points, cut_shards


def sample(count=300, seed=0):
    rng = stream(seed, "sample")
    return pl.DataFrame(
        {
            "doc_id": [f"d{i}" for i in rng.permutation(count)],
            "topic": np.sort(rng.integers(3, size=count)).astype(str),
            "format": "f",
            "draw_rank": np.arange(count),
            "n_tokens_estimate": rng.integers(5, 400, size=count),
        }
    )


@pytest.mark.parametrize("n_shards", [1, 2, 7])
def test_shards_are_contiguous_and_balanced(n_shards):
    frame = sample()
    shards = [f"s{i:04d}" for i in range(n_shards)]
    cut = cut_shards(frame.sample(fraction=1, shuffle=True, seed=1), shards, 160)
    joined = frame.sort("topic", "format", "draw_rank").join(
        cut, on="doc_id", how="left", maintain_order="left"
    )
    assert joined["shard"].to_list() == sorted(joined["shard"].to_list())
    weights = joined.group_by("shard").agg(pl.col("n_tokens_estimate").clip(upper_bound=160).sum())
    assert weights.height == n_shards
    totals = weights["n_tokens_estimate"]
    assert totals.max() - totals.min() <= 2 * 160


def test_cut_falls_to_the_nearer_side_of_a_weight():
    assert cut_points(np.array([1, 1, 1, 1]), 2).tolist() == [0, 2, 4]
    assert cut_points(np.array([9, 1, 1, 1]), 2).tolist() == [0, 1, 4]
    assert cut_points(np.array([1, 1, 1, 9]), 2).tolist() == [0, 3, 4]


def test_heavy_document_leaves_no_shard_empty():
    for weights in ([100, 1, 1, 1], [1, 1, 1, 100], [1, 100, 1, 1]):
        assert (np.diff(cut_points(np.array(weights), 4)) == 1).all()


def test_fewer_documents_than_shards_is_an_error():
    with pytest.raises(
        DataError, match=r"2 document\(s\) for 3 shards; corpus\.shards may be 1 to 2"
    ):
        cut_shards(sample(2), ["s0000", "s0001", "s0002"], 160)
