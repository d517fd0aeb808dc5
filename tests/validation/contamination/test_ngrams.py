"""Questions found in documents: by hand, and against a plain search of strings."""

import re

import numpy as np
import polars as pl
import pytest

from tests.validation.conftest import filled_columns
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.validation.contamination.leakage import (
    hits_table,
    leakage_table,
    map_pair,
    search,
    without_documents,
    without_questions,
)
from workflow_scripts.validation.contamination.ngrams import find_questions, question_grams

SENTENCE = "Sasha gave the last slice of bread to Remy because Remy was hungry"


def found(texts, questions, n=5):
    documents, owners = find_questions(texts, question_grams(questions, n))
    return sorted(zip(documents.tolist(), owners.tolist(), strict=True))


def test_case_punctuation_spacing_and_ligatures_do_not_count():
    question = "Why did Sasha give the last of the flour? To bake bread"
    assert found(["...so SASHA\u00a0give, the -- last (of) it"], [question]) == [(0, 0)]
    assert found(["the last of the \ufb02our"], [question]) == [(0, 0)]  # the ligature fl
    assert found(["Sasha gave the last of it"], [question]) == []


def test_n_words_must_stand_in_a_row_within_one_document():
    assert found(["gave the last slice of"], [SENTENCE]) == [(0, 0)]
    assert found(["gave the last slice"], [SENTENCE]) == []
    assert found(["gave the last whole slice of"], [SENTENCE]) == []
    # The end of one document and the beginning of the next are no row.
    assert found(["gave the last", "slice of bread"], [SENTENCE]) == []
    assert found(["", "gave the last slice of", ""], [SENTENCE]) == [(1, 0)]


def test_a_question_shorter_than_n_must_be_there_whole_and_one_below_four_words_is_not_sought():
    questions = ["Bondase burns very green", "burns green", "Lenine burns very green"]
    texts = ["On coals Bondase burns very green.", "Bondase burns very"]
    assert found(texts, questions, n=13) == [(0, 0)]
    assert question_grams(questions, 13).checked.tolist() == [True, False, True]


def test_a_gram_that_questions_share_finds_them_all_and_repeats_count_once():
    questions = ["one two three four five six", "zero one two three four five"]
    assert found(["one two three four five one two three four five"], questions) == [(0, 0), (0, 1)]


def plain_search(texts, questions, n):
    def words(text):
        return re.findall("[a-z]+", text.lower())

    pairs = []
    for row, text in enumerate(texts):
        joined = f" {' '.join(words(text))} "
        for number, question in enumerate(questions):
            own = words(question)
            size = min(n, len(own))
            windows = [own[i : i + size] for i in range(len(own) - size + 1)]
            if size >= 4 and any(f" {' '.join(window)} " in joined for window in windows):
                pairs.append((row, number))
    return pairs


@pytest.mark.parametrize("n", [4, 6, 13])
def test_random_texts_give_what_a_plain_search_of_strings_gives(n):
    rng = np.random.default_rng(n)

    def draw(count, low, high):
        sizes = rng.integers(low, high, size=count)
        return [" ".join(rng.choice(list("abcd"), size=size)) for size in sizes]

    texts, questions = draw(60, 0, 60), draw(40, 2, 20)
    expected = plain_search(texts, questions, n)
    assert 0 < len(expected) < 60 * 40
    assert found(texts, questions, n) == expected


@pytest.fixture
def parts(corpus):
    """Documents of four bins in two parts; d000 and d007 hold a question of a, d007 of b."""
    texts = ["nothing of the kind"] * len(corpus.owner)
    texts[0] = "He knows that the kettle boils at noon."
    texts[7] = "the kettle boils at noon and the lamp burns all night"
    table = corpus.documents.drop("draw_rank", "fold").with_columns(text=pl.Series(texts))
    paths = []
    for number in range(2):
        paths.append(str(corpus.folder / f"p{number}.parquet"))
        part = filled_columns("corpus/documents", table[number::2])
        write_table(part, paths[-1], "corpus/documents")
    return paths


QUESTIONS = {
    "a": (["a/0", "a/1", "a/2"], ["The kettle boils at noon", "The moon is of cheese", "short"]),
    "b": (["b/0"], ["The lamp burns all night"]),
}


def test_hits_are_counted_by_bin_and_benchmark_over_all_parts(corpus, parts):
    hits = search(parts, QUESTIONS, 13)
    sampled = np.bincount(corpus.owner, minlength=len(BINS))
    table = leakage_table(hits, sampled)
    assert table.height == 2 * 576

    def row(benchmark, index):
        topic, format_ = BINS[index]
        return table.filter(benchmark=benchmark, topic=topic, format=format_).row(0, named=True)

    # d000 lies in the bin of six documents, d007 in that of four.
    assert row("a", 10)["n_documents_hit"] == 1
    assert row("a", 10)["share_documents_hit"] == pytest.approx(1 / 6)
    assert row("a", 10)["n_queries_checked"] == 2
    assert row("a", 10)["share_queries_hit"] == pytest.approx(1 / 2)
    assert (row("b", 10)["n_documents_hit"], row("b", 11)["n_documents_hit"]) == (0, 1)
    assert row("b", 11)["share_queries_hit"] == 1.0
    assert row("a", 0)["share_documents_hit"] is None
    assert hits_table(hits).rows() == [
        ("a", "question", "a/0"),
        ("a", "document", "d000"),
        ("a", "document", "d007"),
        ("b", "question", "b/0"),
        ("b", "document", "d007"),
    ]


def test_maps_without_what_was_hit_are_means_over_the_rest():
    means = np.arange(576 * 3, dtype=float).reshape(576, 3)
    hit = np.array([True, False, False])
    np.testing.assert_allclose(without_questions(means, hit), means[:, 1:].mean(axis=1))
    assert np.isnan(without_questions(means, np.ones(3, dtype=bool))).all()
    scores = pl.DataFrame(
        {
            "doc_id": ["x", "y", "z"],
            "topic": [BINS[3][0], BINS[3][0], BINS[9][0]],
            "format": [BINS[3][1], BINS[3][1], BINS[9][1]],
            "score": [0.2, 0.6, 0.9],
        }
    )
    left = without_documents(scores, ["y", "z"])
    assert left[3] == pytest.approx(0.2)
    assert np.isnan(left[9])  # nothing of the bin is left: no influence, not zero


def test_a_map_of_which_nothing_is_left_is_null_and_has_no_correlation():
    whole = np.random.default_rng(0).normal(size=576)
    pair = map_pair("a", "questions", 3, whole, np.full(576, np.nan))
    assert pair["influence_without"].null_count() == pair["z_without"].null_count() == 576
    assert pair["pearson"].null_count() == 576
    same = map_pair("a", "documents", 0, whole, 2 * whole)
    assert same["pearson"].unique().to_list() == pytest.approx([1.0])
    assert same["n_removed"].unique().to_list() == [0]
