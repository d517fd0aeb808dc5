"""Maps of the scorers under ``validation.scorers``, and the search for questions in texts."""

import logging
from importlib import import_module
from typing import Any

from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.validation.baselines.working_set import (
    ScorerInputs,
    WorkingSet,
    question_texts,
)
from workflow_scripts.validation.contamination import leakage
from workflow_scripts.validation.maps.scorer_maps import read_bin_column
from workflow_scripts.validation.scorers import scorer_of

logger = logging.getLogger("atlas")


def all_maps(working: WorkingSet, source: Any, params: Any) -> dict[str, list[GroupMeans]]:
    """Group means of every scorer of the study, by scorer and benchmark.

    A scorer's module maps all of its scorers in one call, so that they share what they read.

    Args:
        working: the documents.
        source: inputs of the rule ``score_texts``.
        params: its parameters.

    Raises:
        ValueError: a name in ``params.scorers`` is no scorer's.
    """
    modules: dict[str, list[str]] = {}
    for name in params.scorers:
        modules.setdefault(scorer_of(name).module, []).append(name)
    given, maps = ScorerInputs(working, source, params), {}
    for module, names in modules.items():
        scorers = import_module(f"workflow_scripts.validation.baselines.{module}")
        maps |= scorers.map_bins(names, given)
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
