"""TF-IDF maps: words alone, in the study's own statistics."""

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from tests.support import rule_call
from tests.validation.conftest import filled_columns
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.validation.score_lexical import main

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


def run(corpus, texts, parts=1):
    documents, queries = write_inputs(corpus, texts, parts)
    out = corpus.folder / f"tfidf-{parts}.parquet"
    main(
        rule_call(
            "score_lexical",
            input={
                "documents": documents,
                "sample": str(corpus.paths.sample),
                "queries": [queries],
                "summary": str(corpus.paths.summary),
            },
            output={"tfidf": out},
            params={"benchmarks": ["b"], "confidence": 0.95, "multiplicity": "bh"},
        )
    )
    return out


def test_bin_score_is_the_mean_cosine_of_its_documents_with_question_and_answer(corpus, texts):
    table = read_table(run(corpus, texts), "influence/bin_influence")
    vectorizer = TfidfVectorizer().fit(texts)
    questions = [prompt + target for prompt, target in zip(PROMPTS, TARGETS, strict=True)]
    cosines = (vectorizer.transform(texts) @ vectorizer.transform(questions).T).toarray()
    filled = table.drop_nulls("influence")
    assert filled.height == 4
    for row in filled.iter_rows(named=True):
        mine = corpus.owner == BINS.index((row["topic"], row["format"]))
        assert row["influence"] == pytest.approx(cosines[mine].mean())
        assert row["n_docs"] == mine.sum()


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
    call = rule_call(
        "score_lexical",
        input={
            "documents": documents,
            "sample": str(corpus.paths.sample),
            "queries": [queries],
            "summary": str(corpus.paths.summary),
        },
        output={"tfidf": corpus.folder / "out.parquet"},
        params={"benchmarks": ["b"], "confidence": 0.95, "multiplicity": "bh"},
    )
    with pytest.raises(IntegrityError, match="d004"):
        main(call)
    assert not (corpus.folder / "out.parquet").exists()
