"""The documents at both ends of a bin are those that sorting finds."""

import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.texts.examples import (
    Extremes,
    details_of,
    extreme_documents,
    with_details,
)


def scores(count=300, bins=4):
    rng = stream(1, "scores")
    owner = np.sort(rng.integers(0, bins, size=count))
    return pl.DataFrame(
        {
            "doc_id": [f"d{index:03d}" for index in rng.permutation(count)],
            "topic": [BINS[index][0] for index in owner],
            "format": [BINS[index][1] for index in owner],
            # Rounded, so that there are ties.
            "score": rng.standard_normal(count).round(1),
        }
    )


def extremes(frame, per_bin, pieces=1):
    kept = Extremes(per_bin)
    for start in range(0, frame.height, -(-frame.height // pieces)):
        kept.add(frame[start : start + -(-frame.height // pieces)])
    return kept.table()


@pytest.mark.parametrize("pieces", [1, 7, 300])
def test_examples_are_the_ends_of_the_sorted_bin(pieces):
    frame = scores()
    table = extremes(frame, 3, pieces)
    assert table.height == 4 * 6
    for topic, format_ in BINS[:4]:
        mine = frame.filter(topic=topic, format=format_).rows(named=True)
        order = sorted(mine, key=lambda row: (-row["score"], row["doc_id"]))
        found = table.filter(topic=topic, format=format_).sort("rank").rows(named=True)
        assert [row["n_docs"] for row in found] == [len(order)] * 6
        assert [row["end"] for row in found] == ["top"] * 3 + ["bottom"] * 3
        for row in found:
            assert row["doc_id"] == order[row["rank"] - 1]["doc_id"]
            assert row["score"] == order[row["rank"] - 1]["score"]
        assert [row["rank"] for row in found] == [1, 2, 3, *range(len(order) - 2, len(order) + 1)]


@pytest.mark.parametrize(("size", "top", "bottom"), [(1, 1, 0), (3, 3, 0), (4, 3, 1), (6, 3, 3)])
def test_small_bin_shows_no_document_twice(size, top, bottom):
    table = extremes(scores(bins=1)[:size], 3)
    assert table["end"].to_list() == ["top"] * top + ["bottom"] * bottom
    assert table["doc_id"].n_unique() == size
    assert sorted(table["rank"]) == list(range(1, size + 1))


def test_table_has_length_site_and_text_as_the_config_asks(tmp_path):
    frame = scores(count=20)
    full = frame.with_columns(
        score_correct=pl.col("score"), score_incorrect=None, score_a=pl.col("score"), score_b=0.0
    )
    write_table(full, tmp_path / "scores.parquet", "attribution/scores")
    shard = frame.select(
        "doc_id",
        "topic",
        "format",
        fold=0,
        input_ids=pl.lit([1, 2], dtype=pl.List(pl.Int32)),
        n_tokens=pl.col("doc_id").str.slice(1).cast(pl.Int64) + 2,
        n_tokens_full=99,
    )
    write_table(shard, tmp_path / "shard.parquet", "corpus/shards")
    texts = frame.select("doc_id", text=pl.col("doc_id") + " " * 50, url_domain=pl.lit("a.example"))
    table = extreme_documents(["b"], [tmp_path / "scores.parquet"], 2)
    for max_chars, text in ((4, table["doc_id"].to_list()), (0, [None] * table.height)):
        details = details_of(texts, table["doc_id"], max_chars)
        found = with_details(table, [details], [tmp_path / "shard.parquet"])
        assert found["text"].to_list() == text
        assert found["n_tokens"].to_list() == [int(name[1:]) + 2 for name in found["doc_id"]]
        write_table(found, tmp_path / "examples.parquet", "influence/examples")


def test_without_scores_there_are_no_examples():
    table = extreme_documents(["b"], [], 2)
    assert table.height == 0 and "doc_id" in table.columns


def test_an_example_says_what_questions_that_did_not_choose_it_would_give(tmp_path):
    """Scores are half luck of the questions: so is the excess of the highest, and no more stays."""
    rng = np.random.default_rng(4)
    own, luck = rng.standard_normal((2, 4000)), rng.standard_normal((2, 4000))
    frame = pl.DataFrame({
        "doc_id": [f"d{index:04d}" for index in range(4000)],
        "topic": BINS[0][0], "format": BINS[0][1],
        "score_a": own[0] + luck[0], "score_b": own[0] + luck[1],
    })  # fmt: skip
    mean = (pl.col("score_a") + pl.col("score_b")) / 2
    full = frame.with_columns(score=mean, score_correct=mean, score_incorrect=mean)
    write_table(full, tmp_path / "scores.parquet", "attribution/scores")
    table = extreme_documents(["b"], [tmp_path / "scores.parquet"], 20)
    for end, sign in (("top", 1), ("bottom", -1)):
        rows = table.filter(end=end)
        score, other = (sign * rows[name].mean() for name in ("score", "score_other_half"))
        by_half = frame.sort("score_a", descending=end == "top").head(20)
        expected = [by_half["score_b"].mean()]
        by_half = frame.sort("score_b", descending=end == "top").head(20)
        expected.append(by_half["score_a"].mean())
        assert other == pytest.approx(sign * np.mean(expected))
        assert 0.3 * score < other < 0.8 * score
