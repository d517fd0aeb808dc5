"""The working set as the scorers of texts see it: documents, groups and questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.tables import read_table
from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.validation.maps.scorer_maps import bin_positions, occupied_groups


@dataclass(frozen=True)
class WorkingSet:
    """Documents in the order of doc_id and the (bin, fold) groups they fall into.

    Attributes:
        documents: doc_id, topic, format, fold.
        groups: (G, 2) int64 bin and fold.
        owner: (n,) int64 group of each document.
        counts: (G,) int64 documents of each group.
    """

    documents: pl.DataFrame
    groups: np.ndarray
    owner: np.ndarray
    counts: np.ndarray

    def means(self, values: np.ndarray) -> GroupMeans:
        """Group means of one score a document, (n,), as the answer to a single pseudo-question.

        With one question there is no variance between questions: the error of a bin is that of
        its documents alone.
        """
        sums = np.bincount(self.owner, weights=values, minlength=len(self.groups))
        means = (sums / self.counts)[:, None]
        return GroupMeans(self.groups[:, 0], self.groups[:, 1], self.counts, means)


def read_working_set(shards: Sequence[str]) -> WorkingSet:
    """The documents of the tables ``corpus/shards``, in the order of doc_id."""
    columns = ["doc_id", "topic", "format", "fold"]
    tables = [read_table(path, "corpus/shards", columns) for path in shards]
    documents = pl.concat(tables).sort("doc_id")
    bins, folds = bin_positions(documents), documents["fold"].to_numpy()
    return WorkingSet(documents, *occupied_groups(bins, folds))


def in_order(documents: pl.DataFrame, values: pl.DataFrame, column: str, where: str) -> pl.Series:
    """A column of ``values`` (doc_id and it) in the order of ``documents``.

    Raises:
        IntegrityError: it is not there for every document; the message names the first.
    """
    joined = documents.select("doc_id").join(
        values, on="doc_id", how="left", maintain_order="left", validate="1:1"
    )
    missing = joined.filter(pl.col(column).is_null())
    if missing.height:
        raise IntegrityError(
            f"{missing.height} documents of the sample have no {column} in {where}; "
            f"the first is {missing['doc_id'][0]!r}; delete the file and run again"
        )
    return joined[column]


def read_texts(documents: pl.DataFrame, parts: Sequence[str]) -> list[str]:
    """Text of every document, in the order of ``documents``."""
    texts = pl.concat([read_table(path, "corpus/documents", ["doc_id", "text"]) for path in parts])
    return in_order(documents, texts, "text", ", ".join(parts)).to_list()


def question_texts(path: str) -> list[str]:
    """Each question with its right answer, as lm-eval asks it."""
    queries = read_table(path, "benchmarks/queries", ["prompt", "target"])
    return (queries["prompt"] + queries["target"]).to_list()


@dataclass(frozen=True)
class ScorerInputs:
    """Inputs of the scorers under ``validation.scorers``.

    Attributes:
        working: the documents and their groups.
        source: paths by name, of the rule ``score_texts``; ``get`` gives None where one is not
            there.
        params: of the same rule: ``benchmarks``, ``seed`` and, for the embedding, its settings.
    """

    working: WorkingSet
    source: Any
    params: Any

    @cached_property
    def texts(self) -> list[str]:
        """(n,) text of every document of the working set, read once."""
        return read_texts(self.working.documents, self.source.documents)

    @cached_property
    def questions(self) -> list[list[str]]:
        """Of each benchmark its questions with their right answers."""
        return [question_texts(path) for path in self.source.queries]
