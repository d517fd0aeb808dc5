"""Maps by words and by scores of documents alone, in the study's own statistics."""

import math

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.feature_extraction.text import TfidfVectorizer

from tests.support import rule_call
from tests.validation.conftest import filled_columns, written_sketch
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.validation.baselines.lexical import K1, B
from workflow_scripts.validation.baselines.score_texts import main

TEXT = "anna visits the market because her friend asked for fresh bread and honey"
WORDS = TEXT.split()
PROMPTS = ["Why does anna visit the market?", "What did her friend ask for?", "Zzz qqq?"]
TARGETS = [" her friend asked", " fresh bread", " vvv"]


@pytest.fixture
def texts(corpus):
    """Each document holds seven of the words, so that bins differ."""
    rng = np.random.default_rng(3)
    return [" ".join(rng.choice(WORDS, size=7)) for _ in corpus.owner]


def write_inputs(corpus, texts, parts=1):
    table = corpus.documents.drop("draw_rank", "fold").with_columns(text=pl.Series(texts))
    table = filled_columns("corpus/documents", table)
    paths = []
    for number in range(parts):
        path = corpus.folder / f"p{number}-of-{parts}.parquet"
        write_table(table[number::parts], path, "corpus/documents")
        paths.append(str(path))
    queries = pl.DataFrame({"query_id": ["q0", "q1", "q2"], "prompt": PROMPTS, "target": TARGETS})
    queries_path = corpus.folder / "queries.parquet"
    write_table(filled_columns("benchmarks/queries", queries), queries_path, "benchmarks/queries")
    return paths, str(queries_path)


def call_of(corpus, documents, queries, scorers, benchmarks=("b",), seed=1, **inputs):
    """The rule's call and the paths of its maps."""
    out = {name: corpus.folder / f"{name}-{len(documents)}.parquet" for name in scorers}
    call = rule_call(
        "score_texts",
        input={
            "documents": documents,
            "shards": [str(corpus.paths.shard)],
            "queries": [queries] * len(benchmarks),
            "summary": str(corpus.paths.summary),
            **inputs,
        },
        output=out,
        params={
            "benchmarks": list(benchmarks),
            "scorers": list(scorers),
            "ngram": 0,
            "seed": seed,
            "embedding": {},
            "confidence": 0.95,
            "multiplicity": "bh",
        },
    )
    return call, out


def run(corpus, texts, parts=1, scorer="tfidf"):
    documents, queries = write_inputs(corpus, texts, parts)
    call, out = call_of(corpus, documents, queries, [scorer])
    main(call)
    return out[scorer]


def questions():
    return [prompt + target for prompt, target in zip(PROMPTS, TARGETS, strict=True)]


def assert_bins_are_means(corpus, table, scores):
    """Every filled bin is the mean of its documents' scores (n, Q)."""
    filled = table.drop_nulls("influence")
    assert filled.height == 4
    for row in filled.iter_rows(named=True):
        mine = corpus.owner == BINS.index((row["topic"], row["format"]))
        assert row["influence"] == pytest.approx(scores[mine].mean())
        assert row["n_docs"] == mine.sum()


def test_bin_score_is_the_mean_cosine_of_its_documents_with_question_and_answer(corpus, texts):
    table = read_table(run(corpus, texts), "influence/bin_influence")
    vectorizer = TfidfVectorizer().fit(texts)
    cosines = (vectorizer.transform(texts) @ vectorizer.transform(questions()).T).toarray()
    assert_bins_are_means(corpus, table, cosines)


def okapi(texts, question):
    """BM25 of every text with one question, word by word."""
    split = [text.lower().split() for text in texts]
    mean_length = sum(map(len, split)) / len(split)
    scores = np.zeros(len(texts))
    for word in question.lower().replace("?", " ").split():
        held = sum(word in words for words in split)
        for row, words in enumerate(split):
            tf = words.count(word)
            norm = K1 * (1 - B + B * len(words) / mean_length)
            idf = math.log(1 + (len(texts) - held + 0.5) / (held + 0.5))
            scores[row] += idf * tf * (K1 + 1) / (tf + norm) if held else 0.0
    return scores


def test_bm25_is_that_of_a_plain_loop_over_words(corpus, texts):
    # Of unequal lengths, with a word asked twice and one of no document.
    longer = [f"{text} bread bread" if row % 3 else text for row, text in enumerate(texts)]
    table = read_table(run(corpus, longer, scorer="bm25"), "influence/bin_influence")
    scores = np.stack([okapi(longer, question) for question in questions()], axis=1)
    assert scores[:, :2].min(axis=0).max() < scores[:, :2].max()  # the words do tell texts apart
    assert_bins_are_means(corpus, table, scores)


def test_bins_without_documents_are_null_not_zero(corpus, texts):
    table = read_table(run(corpus, texts), "influence/bin_influence")
    assert table.height == 576
    assert table["influence"].null_count() == 572


def test_parts_of_the_corpus_do_not_change_a_byte(corpus, texts):
    assert run(corpus, texts, 1).read_bytes() == run(corpus, texts, 3).read_bytes()


def test_permuted_words_tie_exactly(corpus, texts):
    """A contradiction says the same words in another order: a bag of words must see no change."""
    turned = [" ".join(reversed(text.split())) for text in texts]
    same, other = (
        read_table(run(corpus, version), "influence/bin_influence")["influence"]
        for version in (texts, turned)
    )
    assert same.equals(other)


def test_a_document_without_text_is_named(corpus, texts):
    documents, queries = write_inputs(corpus, texts)
    table = read_table(documents[0], "corpus/documents").filter(pl.col("doc_id") != "d004")
    write_table(table, documents[0], "corpus/documents")
    call, out = call_of(corpus, documents, queries, ["tfidf"])
    with pytest.raises(IntegrityError, match="d004"):
        main(call)
    assert not out["tfidf"].exists()


@pytest.fixture
def measured(corpus):
    """Two shards with tokens and losses of the documents, which no question enters."""
    rng = np.random.default_rng(5)
    tokens = rng.integers(20, 200, size=len(corpus.owner))
    losses = rng.uniform(1, 4, size=len(corpus.owner)).astype(np.float32)
    shards, sketches = [], []
    for number, part in enumerate((slice(9, None), slice(None, 9))):
        table = corpus.documents[part].drop("draw_rank")
        table = table.with_columns(n_tokens=pl.Series(tokens[part]))
        shards.append(str(corpus.folder / f"s{number}.parquet"))
        write_table(filled_columns("corpus/shards", table), shards[-1], "corpus/shards")
        sketches.append(written_sketch(corpus, part, losses[part], f"s{number}"))
    return {"shards": shards, "sketches": sketches, "values": {"length": tokens, "loss": losses}}


def run_alone(corpus, texts, measured, scorers, seed=1):
    paths = write_inputs(corpus, texts)
    inputs = {name: measured[name] for name in ("shards", "sketches")}
    call, out = call_of(corpus, *paths, scorers, ("one", "two"), seed, **inputs)
    main(call)
    return {name: read_table(path, "influence/bin_influence") for name, path in out.items()}


def test_scores_of_documents_alone_give_one_map_to_every_benchmark(corpus, texts, measured):
    tables = run_alone(corpus, texts, measured, ["length", "loss", "random"])
    for scorer, table in tables.items():
        one, two = (table.filter(benchmark=name).drop("benchmark") for name in ("one", "two"))
        assert_frame_equal(one, two)
        if scorer != "random":
            assert_bins_are_means(corpus, one, measured["values"][scorer][:, None])


def test_error_of_a_map_without_questions_is_that_of_documents_alone(corpus, texts, measured):
    """One pseudo-question: with equal folds the error is the spread of fold means, moderated.

    All questions being equal would give the same influence; a variance between questions of
    zero with many degrees of freedom must not make the bin look surer than its documents are.
    """
    table = run_alone(corpus, texts, measured, ["length"])["length"].filter(benchmark="one")
    values = measured["values"]["length"]
    row = table.filter(topic=BINS[10][0], format=BINS[10][1]).row(0, named=True)
    mine = values[corpus.owner == 10].reshape(2, 3)  # six documents, in turn to three folds
    own = mine.mean(axis=0).var(ddof=1) / 3
    assert row["se"] > 0
    # Toward the other bins' variance, but no further than a few times its own.
    assert own / 10 < row["se"] ** 2 < own * 10
    assert row["se"] == row["se_centred"]


def test_random_scores_follow_the_document_and_the_seed(corpus, texts, measured):
    first, again, other = (
        run_alone(corpus, texts, measured, ["random"], seed)["random"] for seed in (1, 1, 2)
    )
    assert_frame_equal(first, again)
    known = first.drop_nulls("influence")["influence"]
    assert 0 < known.min() < known.max() < 1
    assert not first["influence"].equals(other["influence"])


def test_a_document_without_a_loss_is_named(corpus, texts, measured):
    measured["sketches"] = measured["sketches"][:1]
    with pytest.raises(IntegrityError, match=r"no loss in .*s0\.npz; the first is 'd000'"):
        run_alone(corpus, texts, measured, ["loss"])
