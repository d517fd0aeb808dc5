"""README of the folder: a guide to its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from workflow_scripts.publish.crate import files_of

# Files and their contents, in the order of the page.
PLACES = {
    "bin_matrix.csv": "one row a topic x format bin, one column a benchmark: influence (mean "
    "cosine, positive = the bin supports the benchmark) and `doc_count`, the documents drawn; "
    "`bin_matrix.parquet` is the same",
    "bin_influence.csv": "the same numbers as a long table with standard errors, intervals, z, "
    "ranks, p and q values; `influence/bin_influence.parquet` is the same",
    "influence": "bins, contrasts between domains, correlations of maps, and what else was "
    "estimated from them",
    "validation": "the maps of baselines and controls, and how well each recovers what is known",
    "unlearning": "what forgetting documents does: sets, adapters, answers, damage and its tests",
    "benchmarks": "the base model's answers and accuracy",
    "corpus": "the sampling manifest (ids and labels of the documents drawn) and the bins",
    "attribution": "the score of every document",
    "model": "which model it was",
    "report": "figures, the explorer page, and Snakemake's report where it was made",
    "definitions": "the benchmarks: their definitions, and in `questions.json` the digests of the "
    "files of questions, which are not here",
    "schemas": "every table's columns, units and signs; `schemas/tables.md` to read",
    "config.yaml": "the complete configuration; with it the workflow runs the study again (below)",
    "provenance.json": "of every file its digest, seeds, package versions and inputs",
    "ro-crate-metadata.json": "RO-Crate 1.1 metadata of this folder",
    "SHA256SUMS": "digests of all files: `sha256sum -c SHA256SUMS`",
    "LICENSE": "of the software that made the results",
    "CITATION.cff": "how to cite it",
}


@dataclass(frozen=True)
class Notes:
    """Notes of the page beside the list of its files.

    Attributes:
        moved: places of files that the study read outside of its data folder.
        shortened: files in which paths were replaced.
        data: the config key ``data`` of the shared config.
        documents_per_bin: at most so many documents were drawn in a bin.
    """

    moved: tuple[str, ...]
    shortened: tuple[str, ...]
    data: str
    documents_per_bin: int


def readme(
    folder: Path,
    bins: pl.DataFrame,
    facts: Mapping[str, str],
    settings: Mapping[str, object],
    notes: Notes,
) -> str:
    """The page, in Markdown.

    Args:
        folder: what it describes; all other files are there.
        bins: the table ``influence/bin_influence``.
        facts: name, date and licence of the folder, version of the software.
        settings: the config section ``publish``.
        notes: on paths and counts.
    """
    there = {Path(path).parts[0] for path in files_of(folder)} | {
        "ro-crate-metadata.json",
        "SHA256SUMS",
    }
    names = bins["benchmark"].unique(maintain_order=True).to_list()
    counts = bins.filter(benchmark=names[0])["n_docs"]
    unit = f"{counts.sum():,} documents in {(counts > 0).sum()} of {counts.len()} bins"
    texts = (
        "The folder holds texts of documents and questions; mind their licences."
        if settings["text"]
        else "The folder holds no text of documents or questions."
    )
    lines = [
        f"# {facts['name']}",
        "",
        f"{unit}; benchmarks: {', '.join(names)}. Made by Capability Atlas {facts['version']}.",
        f"Licence of the results: {facts['licence']}. {texts}",
        "",
        "A bin without documents is empty (null) in every table, never 0. Influence says what",
        "training on a document does to an answer, to first order; it is no proof that the",
        "capability would be missing without it.",
        "",
        "| where | what |",
        "| --- | --- |",
        *(f"| `{place}` | {what} |" for place, what in PLACES.items() if place in there),
        "",
        *_counts(counts, notes.documents_per_bin),
        "To load the map again, set `influence.matrix` to `bin_matrix.csv` in a config of the",
        "workflow (`make matrix FILE=bin_matrix.csv`); the tables and figures that need no",
        "documents are made from it.",
        "",
        *_again(notes),
        "The folder is made anew each time: keep no files of your own in it.",
    ]
    return "\n".join(lines) + "\n"


def _counts(counts: pl.Series, most: int) -> list[str]:
    """Note on weights that are computed from ``doc_count``."""
    full = int((counts >= most).sum())
    if not full:
        return []
    return [
        f"`doc_count` is the number of documents drawn, at most {most:,} in a bin; {full} of "
        f"{counts.len()} bins have",
        "that many and may hold more in the corpus. Weights that are computed from it, as in",
        "`influence/weighted.parquet` of a study of this matrix, are those of the draw, not of the",
        "corpus; `corpus/bin_summary.parquet` has the corpus's own (`n_available`, `weight`).",
        "",
    ]


def _again(notes: Notes) -> list[str]:
    """Instructions to run the study again from the folder."""
    lines = [
        "To run the study again, copy `definitions/` over `benchmarks/` of the workflow and start",
        "`snakemake --cores all --configfile config.yaml`; `<data>` is the config key `data` (here",
        f"`{notes.data}`), the folder with the study's own inputs, which are not here.",
    ]
    if notes.moved:
        named = ", ".join(f"`{place}`" for place in notes.moved)
        lines.append(f"These stood outside of it and are looked for at {named}.")
    if notes.shortened:
        named = ", ".join(f"`{place}`" for place in notes.shortened)
        lines.append(
            f"Paths of the machine that made it were replaced in {named}; the digests of these in "
            "`provenance.json` are those of the study's own files."
        )
    return [*lines, ""]
