"""Maps by what texts share with the questions, and the search for the questions in them."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.model.loading import load_model, load_tokenizer
from workflow_scripts.validation.baselines import encoder, lexical
from workflow_scripts.validation.baselines.working_set import (
    OF_DOCUMENTS,
    WorkingSet,
    document_scores,
    question_texts,
    read_texts,
)
from workflow_scripts.validation.contamination import leakage
from workflow_scripts.validation.scorer_maps import read_bin_column

logger = logging.getLogger("atlas")


def lexical_maps(
    scorers: list[str], texts: list[str], questions: list[list[str]], working: WorkingSet
) -> dict[str, list[GroupMeans]]:
    """Group means by TF-IDF and BM25, by scorer and set of questions."""
    space = lexical.fit_documents(texts)
    asked = [space.question_counts(each) for each in questions]
    for number, counts in enumerate(asked):
        unknown = int((np.diff(counts.indptr) == 0).sum())
        logger.info("set %d: %d questions without a word of the corpus", number, unknown)
    maps = {}
    for scorer in scorers:
        rows, queries = (
            lexical.tfidf_rows(space, asked)
            if scorer == "tfidf"
            else (lexical.bm25_rows(space), asked)
        )
        sums = lexical.group_sums(rows, working.owner, len(working.groups))
        maps[scorer] = [
            lexical.lexical_means(working.groups, working.counts, sums, each) for each in queries
        ]
    return maps


def embedding_maps(
    texts: list[str], questions: list[list[str]], working: WorkingSet, source: Any, params: Any
) -> list[GroupMeans]:
    """Group means by cosine of embeddings, by set of questions."""
    settings = params.embedding
    if settings["encoder"]:
        model, tokenizer = encoder.load_encoder(settings["encoder"], settings["device"])
    else:
        model = load_model(source.record, settings["precision"], settings["device"]).base_model
        tokenizer = load_tokenizer(Path(source.tokenizer).parent)
    limits = {name: settings[name] for name in ("max_tokens", "tokens_per_batch")}
    embedder = partial(encoder.embed, model, tokenizer, **limits)
    means = encoder.similarity_means(embedder, texts, questions, working.owner, working.counts)
    bins, folds = working.groups.T
    return [GroupMeans(bins, folds, working.counts, each) for each in means]


def text_maps(
    scorers: list[str], working: WorkingSet, source: Any, params: Any
) -> dict[str, list[GroupMeans]]:
    """Group means of the scorers that compare texts, by scorer and benchmark."""
    words = [scorer for scorer in scorers if scorer in ("tfidf", "bm25")]
    texts = read_texts(working.documents, source.documents)
    questions = [question_texts(path) for path in source.queries]
    maps = lexical_maps(words, texts, questions, working) if words else {}
    if "embedding" in scorers:
        maps["embedding"] = embedding_maps(texts, questions, working, source, params)
    return maps


def search_questions(source: Any, output: Any, params: Any) -> None:
    """Look for the questions in the documents and write both tables."""
    questions = {}
    for benchmark, path in zip(params.benchmarks, source.queries, strict=True):
        ids = read_table(path, "benchmarks/queries", ["query_id"])["query_id"].to_list()
        questions[benchmark] = (ids, question_texts(path))
    hits = leakage.search(source.documents, questions, params.ngram)
    table = leakage.leakage_table(hits, read_bin_column(source.summary, "n_sampled"))
    write_table(table, output.leakage, "validation/leakage")
    write_table(leakage.hits_table(hits), output.hits, "validation/leakage_hits")
    for benchmark, each in hits.items():
        logger.info(
            "%s: %d of %d questions stand in %d documents",
            benchmark,
            each.in_bin.any(axis=0).sum(),
            each.checked.sum(),
            len(each.doc_ids),
        )


def document_maps(
    scorers: list[str], working: WorkingSet, source: Any, params: Any
) -> dict[str, list[GroupMeans]]:
    """Group means of the scorers that see no question: the same for every benchmark."""
    maps = {}
    for scorer in scorers:
        paths = source.get("shards"), source.get("sketches")
        values = document_scores(scorer, working.documents, *paths, params.seed)
        maps[scorer] = [working.means(values)] * len(params.benchmarks)
    return maps


def all_maps(working: WorkingSet, source: Any, params: Any) -> dict[str, list[GroupMeans]]:
    """Group means of every scorer of the study, by scorer and benchmark."""
    alone = [scorer for scorer in params.scorers if scorer in OF_DOCUMENTS]
    compared = [scorer for scorer in params.scorers if scorer not in OF_DOCUMENTS]
    maps = text_maps(compared, working, source, params) if compared else {}
    return maps | document_maps(alone, working, source, params)
