import hashlib
from itertools import groupby

import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.random_streams import stable_hash, stream
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.corpus.sampling.keyed_draw import (
    assign_ranks,
    bottom_k,
    draw_keys,
    make_contract,
)


def corpus(count=400, bins=4, sites=30, seed=0):
    rng = stream(seed, "corpus")
    chosen = [BINS[i * 25] for i in rng.integers(bins, size=count)]
    site = [f"s{i}.org" if i < sites * 0.8 else None for i in rng.integers(sites, size=count)]
    return pl.DataFrame(
        {
            "doc_id": [f"d{i}" for i in range(count)],
            "topic": [topic for topic, _ in chosen],
            "format": [format_ for _, format_ in chosen],
            "url_domain": site,
        },
        schema_overrides={"url_domain": pl.String},
    )


def draw(frame, k, seed=42):
    return assign_ranks(bottom_k(frame, k, seed))


def test_keys_are_the_keyed_hash_of_the_id_alone():
    keys = draw_keys(["a", "b\u00e9"], 42)
    assert keys.dtype == np.uint64
    assert [int(key) for key in keys] == [
        stable_hash(42, "draw", "a"),
        stable_hash(42, "draw", "b\u00e9"),
    ]
    by_hand = hashlib.blake2b(b"draw\x1fa", digest_size=8, key=b"42").digest()
    assert int(keys[0]) == int.from_bytes(by_hand, "big")
    assert draw_keys(["a"], 43)[0] != keys[0]


def test_draw_is_the_k_smallest_keys_of_each_bin():
    frame = corpus()
    drawn = draw(frame, 20)
    expected = []
    rows = sorted(frame.iter_rows(named=True), key=lambda row: (row["topic"], row["format"]))
    for _, group in groupby(rows, key=lambda row: (row["topic"], row["format"])):
        ranked = sorted((stable_hash(42, "draw", row["doc_id"]), row["doc_id"]) for row in group)
        expected += [(doc_id, rank) for rank, (_, doc_id) in enumerate(ranked[:20])]
    assert drawn.select("doc_id", "draw_rank").rows() == expected


def test_equal_keys_are_ordered_by_id():
    frame = pl.DataFrame(
        {"doc_id": ["c", "a", "b"], "topic": "t", "format": "f", "draw_key": [5, 5, 5]}
    )
    assert bottom_k(frame, 2, 0)["doc_id"].to_list() == ["a", "b"]


def test_order_of_documents_does_not_matter():
    frame = corpus()
    shuffled = frame.sample(fraction=1, shuffle=True, seed=3)
    assert draw(frame, 20).equals(draw(shuffled, 20))


@pytest.mark.parametrize("parts", [2, 7])
def test_draws_of_parts_merge_into_the_draw_of_all(parts):
    frame = corpus()
    owner = pl.Series(stream(1, "parts").integers(parts, size=frame.height))
    pieces = [bottom_k(frame.filter(owner == part), 20, 42) for part in range(parts)]
    assert bottom_k(pl.concat(pieces), 20, 42).equals(bottom_k(frame, 20, 42))


def test_larger_draw_contains_the_smaller_with_its_ranks():
    frame = corpus()
    columns = ["doc_id", "topic", "format", "draw_rank"]
    large = draw(frame, 60).select(columns)
    for k in (1, 10, 30):
        assert draw(frame, k).select(columns).equals(large.filter(pl.col("draw_rank") < k))


def test_another_seed_draws_other_documents():
    frame = corpus()
    first, second = (set(draw(frame, 20, seed=seed)["doc_id"]) for seed in (1, 2))
    assert first != second


def test_short_bin_keeps_all_it_has():
    frame = corpus(50, bins=4)
    assert draw(frame, 1000).height == 50


def test_contract_counts_covered_short_and_empty_bins():
    (topic_a, format_a), (topic_b, format_b) = BINS[0], BINS[30]
    available = pl.DataFrame(
        {"topic": [topic_a, topic_b], "format": [format_a, format_b], "n_available": [50, 3]}
    )
    sample = pl.DataFrame({"n_tokens_estimate": [10] * 13})
    malformed = {"rows": 60, "malformed": {"empty_text": {"count": 7, "examples": []}}}
    contract = make_contract(sample, available, malformed, 10, 42)
    assert contract["short_bins"] == [{"topic": topic_b, "format": format_b, "available": 3}]
    names = ("covered_bins", "full_bins", "empty_bins", "documents", "tokens_estimated")
    assert [contract[name] for name in names] == [2, 1, 574, 13, 130]
    assert contract["available"] == {topic_a: {format_a: 50}, topic_b: {format_b: 3}}
    assert (contract["rows_read"], contract["malformed_rows"]) == (60, 7)
