import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.corpus.bins.bin_summary import (
    effective_documents,
    near_duplicate_share,
    summarise,
)
from workflow_scripts.corpus.bins.summarise_bins import check_left_out, likeness
from workflow_scripts.corpus.folds.dealing import number_components
from workflow_scripts.corpus.folds.near_duplicates import connected, near_duplicate_pairs, shingles

WORDS = [f"w{i}" for i in range(400)]


def share_of(found, threshold):
    return near_duplicate_share(groups_of(found, threshold))


def groups_of(found, threshold=0.8):
    return connected(len(found), near_duplicate_pairs(found, threshold))


def texts(count, seed=0, length=80):
    rng = stream(seed, "texts")
    return [" ".join(rng.choice(WORDS, size=length)) for _ in range(count)]


def test_shingles_are_distinct_runs_of_five_words():
    assert shingles("One two, three four FIVE six!") == [
        b"one two three four five",
        b"two three four five six",
    ]
    assert shingles("just three words") == [b"just three words"]
    assert shingles("a a a a a a a") == [b"a a a a a"]


def test_different_texts_are_no_near_duplicates():
    assert share_of(texts(60), 0.8) == 0


def test_near_duplicates_are_found_on_both_sides():
    """Ten of 60 documents repeat another with one word of 80 changed (Jaccard 0.88 or more)."""
    found = texts(50)
    for i in range(10):
        words = found[i].split()
        words[40] = "changed"
        found.append(" ".join(words))
    assert share_of(found, 0.8) == pytest.approx(20 / 60)
    assert share_of(found[::-1], 0.8) == pytest.approx(20 / 60)


def test_half_equal_texts_stay_below_a_high_threshold_and_above_a_low_one():
    head, *tails = texts(6, length=60)
    found = [f"{head} {tail}" for tail in tails]  # Jaccard about 56 / 168 = 1/3
    assert share_of(found, 0.8) == 0
    assert share_of(found, 0.15) == 1


def test_alike_documents_count_together():
    """Sites a, a, b, c and one unknown; the c document nearly repeats the b document."""
    sites = ["a.org", "a.org", "b.org", "c.org", None]
    apart = effective_documents(number_components(sites, []))
    assert apart == pytest.approx(25 / (4 + 1 + 1 + 1))
    linked = effective_documents(number_components(sites, [(3, 2)]))
    assert linked == pytest.approx(25 / (4 + 4 + 1))
    # A document of another site that repeats one of a site joins that site's component.
    chained = effective_documents(number_components(sites, [(2, 1)]))
    assert chained == pytest.approx(25 / (9 + 1 + 1))
    assert effective_documents(np.arange(7)) == 7
    assert effective_documents(np.full(7, 3)) == 1


def test_fourteen_pages_of_one_site_among_twenty_documents_amount_to_two():
    """A real bin that held most of a benchmark's variance was like this."""
    page = texts(1, seed=3)[0].split()
    copies = [" ".join([*page[:40], f"case{i}", *page[41:]]) for i in range(14)]
    pairs = near_duplicate_pairs(copies + texts(6, seed=4), 0.8)
    assert near_duplicate_share(connected(20, pairs)) == 14 / 20
    for sites in (["site.org"] * 14 + [None] * 6, [None] * 20):
        effective = effective_documents(number_components(sites, pairs))
        assert effective == pytest.approx(400 / (14**2 + 6))


def test_likeness_counts_components_and_near_duplicates_of_the_documents_kept():
    kept = pl.DataFrame(
        {
            "topic": ["b", "a", "a", "a", "a"],
            "format": "f",
            "component": [0, 0, 0, 4, 7],
            "likeness": [3, 0, 1, 1, 2],
        }
    )
    assert likeness(kept).rows() == [("a", "f", 3, 0.5, 16 / 6), ("b", "f", 1, None, 1.0)]


def test_one_document_has_nothing_to_repeat():
    assert share_of(["one text here"], 0.8) is None


def test_summary_has_every_bin_counts_as_zero_and_shares_as_null():
    (topic, format_), (other, format_b) = BINS[3], BINS[500]
    available = pl.DataFrame(
        {"topic": [topic, other], "format": [format_, format_b], "n_available": [30, 10]}
    )
    documents = pl.DataFrame(
        {
            "doc_id": list("abcde"),
            "topic": [topic] * 4 + [other],
            "format": [format_] * 4 + [format_b],
            "url_domain": ["x.org", "x.org", None, None, "x.org"],
        }
    )
    tokens = documents.select("topic", "format").with_columns(
        n_tokens=pl.Series([16, 10, 16, 16, 5]), n_tokens_full=pl.Series([40, 10, 16, 17, 5])
    )
    near = pl.DataFrame(
        {
            "topic": [topic, other],
            "format": [format_, format_b],
            "n_components": [3, 1],
            "near_duplicate_share": [0.5, None],
            "n_effective": [3.2, 1.0],
        }
    )
    left_out = pl.DataFrame({"topic": [other], "format": [format_b]})
    table = summarise(available, documents, left_out, tokens, near, 4)
    assert table.height == 576
    first = table.filter(topic=topic, format=format_).row(0, named=True)
    assert (first["n_sampled"], first["n_too_short"]) == (4, 0)
    assert table.filter(topic=other, format=format_b)["n_too_short"].item() == 1
    assert first["n_tokens"] == 58
    assert first["n_sites"] == 3
    assert first["largest_site_share"] == 0.5
    assert first["n_effective"] == 3.2
    assert first["share_truncated"] == 0.5
    assert first["weight"] == 0.75
    assert not first["underfilled"]
    assert table.filter(topic=other, format=format_b)["underfilled"].item()
    empty = table.row(0, named=True)
    counts = ("n_available", "n_sampled", "n_too_short", "n_tokens", "n_sites", "n_components")
    assert [empty[name] for name in (*counts, "weight")] == [0, 0, 0, 0, 0, 0, 0.0]
    assert empty["near_duplicate_share"] is None
    assert empty["largest_site_share"] is None and empty["n_effective"] is None
    assert empty["share_truncated"] is None
    assert empty["underfilled"]


def test_documents_left_out_are_tolerated_up_to_the_share_of_malformed_rows():
    left_out = pl.DataFrame({"doc_id": ["b"], "topic": ["x"], "format": ["y"]})
    check_left_out(left_out, 100, 0.01)
    check_left_out(left_out[:0], 100, 0)
    with pytest.raises(DataError, match=r"document 'b' .* 1 of 100 .*corpus.max_malformed_share"):
        check_left_out(left_out, 100, 0)
    with pytest.raises(DataError, match=r"allowed share 0.009"):
        check_left_out(left_out, 100, 0.009)
