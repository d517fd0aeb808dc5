"""Make each map again with one choice changed, from the rows that were kept.

in   bins: influence/bins of each benchmark; where rows are kept: rows, shards: document rows
     and their ids; documents: sites; folds: near-duplicates; queries, order: query rows;
     moments, settings: the preconditioner; resampling: clusters of the questions; truth: in a
     planted study
out  sensitivity: table influence/sensitivity
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from workflow_scripts.attribution.preconditioner import load_moments
from workflow_scripts.attribution.query_rows import load_query_rows, load_rows
from workflow_scripts.attribution.rewhitening import change_damping, damping_changes
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.uncertainty.resampling import load
from workflow_scripts.influence.variants import sensitivity as choices

# Rows in float32 at once.
BLOCK = 1024
NO_ROWS = "the rows of documents were not kept (attribution.rows: discard)"


@dataclass(frozen=True)
class Questions:
    """Query rows of all benchmarks, questions taken together where they are many.

    Attributes:
        rows: (Q, d) float32 at the study's damping, or sums of such rows.
        places: benchmark -> its rows.
        clusters: benchmark -> (its rows,) cluster of each.
        batches: (questions, Q) float32; adds rows of single questions up to ``rows``.
    """

    rows: torch.Tensor
    places: Mapping[str, slice]
    clusters: Mapping[str, np.ndarray]
    batches: torch.Tensor


def read_questions(source: Any, benchmarks: Sequence[str]) -> tuple[Questions, torch.Tensor]:
    """Read the query rows of all benchmarks, and take the questions of each together.

    Returns:
        the questions; (questions, d) float32 rows of single ones.
    """
    rows, weights, places, clusters, end = [], [], {}, {}, 0
    for name, path, resampling in zip(benchmarks, source.queries, source.resampling, strict=True):
        rows.append(torch.from_numpy(load_query_rows(path).rows))
        weight, clusters[name] = choices.batches(load(resampling).clusters)
        weights.append(torch.from_numpy(weight))
        places[name] = slice(end, end + weight.shape[1])
        end += weight.shape[1]
    single, batches = torch.cat(rows), torch.block_diag(*weights)
    return Questions(batches.T @ single, places, clusters, batches), single


def first_of_near_duplicates(documents: pl.DataFrame) -> np.ndarray:
    """(n,) bool: documents that nearly repeat no earlier document of their bin (by id).

    Args:
        documents: doc_id, topic, format, likeness.
    """
    place = pl.int_range(pl.len())
    ordered = documents.with_columns(place=place).sort("doc_id")
    firsts = ordered.unique(["topic", "format", "likeness"], keep="first", maintain_order=True)
    return documents.select(place.is_in(firsts["place"].to_list())).to_series().to_numpy()


def read_documents(source: Any) -> pl.DataFrame:
    """Documents in the order of the rows.

    Returns:
        doc_id, topic, format, fold, n_tokens, url_domain, likeness.
    """
    columns = ["doc_id", "topic", "format", "fold", "n_tokens"]
    documents = pl.concat([read_table(path, "corpus/shards", columns) for path in source.shards])
    sites = pl.concat(
        [
            read_table(path, "corpus/documents", ["doc_id", "url_domain"])
            for path in source.documents
        ]
    )
    alike = read_table(source.folds, "corpus/folds", ["doc_id", "likeness"])
    for known in (sites, alike):
        documents = documents.join(known, on="doc_id", how="left", maintain_order="left")
    return documents


def weights_of(documents: pl.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Weight of each document in the variants that weigh documents, and why some are not made."""
    sites = choices.outside_largest_site(documents)
    firsts = first_of_near_duplicates(documents)
    weights = {
        choices.OWN: np.ones(documents.height),
        choices.TOKENS: documents["n_tokens"].to_numpy().astype(float),
    }
    reasons = {}
    for name, kept, nothing in (
        (choices.SITES, sites, "no bin has two documents of one site"),
        (choices.DUPLICATES, firsts, "no document nearly repeats another of its bin"),
    ):
        if kept.all():
            reasons[name] = nothing
        else:
            weights[name] = kept.astype(float)
    return weights, reasons


def blocks(source: Any, total: int) -> Iterator[tuple[slice, torch.Tensor]]:
    """Kept rows of all shards in blocks, float32, with their places among all documents."""
    start, progress = 0, Progress(total, "documents")
    for path, shard in zip(source.rows, source.shards, strict=True):
        count = read_table(shard, "corpus/shards", ["doc_id"]).height
        rows = load_rows(path, count, memory_map=True)
        for first in range(0, count, BLOCK):
            part = torch.from_numpy(rows[first : first + BLOCK].astype(np.float32))
            yield slice(start + first, start + first + len(part)), part
            progress.advance(len(part))
        start += count


def all_totals(
    source: Any,
    questions: tuple[Questions, torch.Tensor],
    groups: choices.Groups,
    weights: Mapping[str, np.ndarray],
    deviation: np.ndarray,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """One pass over the rows: sums of scores over groups for every variant.

    Returns:
        variant -> (G, Q) float32 sums; (Q,) sums of log length times score.
    """
    together, single = questions
    moments, settings = load_moments(source.moments, source.settings)
    others = [each for each in choices.DAMPINGS if each != settings["damping"]]
    changes = damping_changes(moments, settings["damping"], others)
    changed = {each: together.batches.T @ change_damping(single, changes[each]) for each in others}
    dampings = [choices.of_damping(each) for each in others]
    shape = (len(groups.keys), len(together.rows))
    totals = {name: np.zeros(shape, np.float32) for name in [*weights, *dampings]}
    cross = np.zeros((1, len(together.rows)), np.float32)
    for place, rows in blocks(source, len(groups.owner)):
        into = [totals[name] for name in weights]
        groups.add([*into, cross], place, [*weights.values(), deviation], rows, together.rows)
        for each, name in zip(others, dampings, strict=True):
            one = [totals[name]], place, [weights[choices.OWN]]
            groups.add(*one, change_damping(rows, changes[each]), changed[each])
    return totals, cross[0].astype(np.float64)


def vary(source: Any, params: Any) -> pl.DataFrame:
    """The table, from kept rows."""
    documents = read_documents(source)
    questions = read_questions(source, params.benchmarks)
    groups = choices.Groups(documents)
    weights, reasons = weights_of(documents)
    length = choices.LengthFit.of(groups, documents["n_tokens"].to_numpy())
    totals, cross = all_totals(source, questions, groups, weights, length.deviation)
    reasons[choices.of_damping(params.damping)] = "the study's own damping"
    truth = read_table(source.truth, "corpus/truth") if source.get("truth") else None
    measured = {}
    for name, path in zip(params.benchmarks, source.bins, strict=True):
        clusters, place = questions[0].clusters[name], questions[0].places[name]
        primary = read_table(path, "influence/bins")
        settings = (primary, params.multiplicity, support_of(truth, name))
        for variant, sums in totals.items():
            weight = weights.get(variant, weights[choices.OWN])
            means = groups.means(sums[:, place], weight, clusters)
            measured[name, variant] = choices.compare(means, *settings)
            measured[name, variant]["n_docs"] = int((weight > 0).sum())
        own = groups.means(totals[choices.OWN][:, place], weights[choices.OWN], clusters)
        taken_out = length.take_out(own, cross[place])
        measured[name, choices.LENGTH] = choices.compare(taken_out, *settings)
        measured[name, choices.LENGTH]["n_docs"] = documents.height
    return choices.table(measured, reasons, params.benchmarks)


def support_of(truth: pl.DataFrame | None, benchmark: str) -> np.ndarray | None:
    """(576,) bool: bins planted to support a benchmark; None where that is not known."""
    rows = None if truth is None else truth.filter(benchmark=benchmark)
    if rows is None or rows.is_empty():
        return None
    roles = {row[:2]: row[2] for row in rows.select("topic", "format", "role").rows()}
    return np.array([roles.get(pair) == "support" for pair in BINS])


def main(snakemake: Any) -> None:
    """Vary and write; without rows, say so."""
    source, params = snakemake.input, snakemake.params
    if source.get("rows"):
        table = vary(source, params)
    else:
        table = choices.table({}, dict.fromkeys(choices.names(), NO_ROWS), params.benchmarks)
    write_table(table, snakemake.output.table, "influence/sensitivity")


if __name__ == "__main__":
    run_job(main, snakemake)
