"""Facts of the study in the explorer: model, corpus, sample sizes, settings and versions."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.common.files import read_json
from workflow_scripts.common.provenance import sidecar_path
from workflow_scripts.report.figures.capability_map import BenchmarkFacts
from workflow_scripts.report.numbers import counted

SHORT = 12


def question_facts(facts: BenchmarkFacts) -> dict[str, Any]:
    """Title, number of questions, accuracy and chance of one benchmark."""
    return {
        "title": facts.title,
        "questions": facts.n_queries,
        "accuracy": round(facts.accuracy, 4),
        "chance": round(facts.chance, 4),
    }


def model_fact(record: Mapping[str, Any]) -> str:
    """Origin of the model that was asked, from ``model.json``."""
    digest = f"digest {record['digest'][:SHORT]}" if record.get("digest") else ""
    if record["source"] == "trained":
        return f"trained on the working set ({digest})"
    where = {"hub": "Hugging Face hub", "folder": "local folder"}.get(record["source"], "")
    # A folder's name, not its place on somebody's disk.
    name = record["path"] if record["source"] == "hub" else Path(record["path"]).name
    revision = f"revision {record['revision'][:SHORT]}" if record.get("revision") else ""
    details = ", ".join(part for part in (where, revision, digest) if part)
    return f"{name} ({details})"


def corpus_facts(
    contract: Mapping[str, Any], summary: pl.DataFrame | None
) -> list[tuple[str, str]]:
    """Sample of the corpus, from ``sample_contract.json`` and the bin summary."""
    drawn = (
        f"{counted(contract['documents'], 'document')} of "
        f"{contract['documents_available']:,}, at most {contract['documents_per_bin']:,} a bin "
        f"(seed {contract['seed']})"
    )
    bins = (
        f"{contract['covered_bins']} of {contract['bins']} with documents; "
        f"{len(contract['short_bins'])} with fewer than asked for"
    )
    lines = [("Working set", drawn), ("Bins", bins)]
    if summary is not None:
        lines.insert(1, ("Tokens", f"{int(summary['n_tokens'].sum()):,} after the cut"))
        if short := int(summary["n_too_short"].sum()):
            words = f"{counted(short, 'document')} drawn, with fewer than two tokens"
            lines.insert(1, ("Left out", words))
    return lines


def versions(paths: Iterable[str]) -> dict[str, str]:
    """Package versions that the sidecars of these artifacts record, the later ones winning."""
    found: dict[str, str] = {}
    for path in paths:
        sidecar = sidecar_path(path)
        if sidecar.exists():
            found |= read_json(sidecar).get("versions", {})
    return dict(sorted(found.items()))


def digest(path: str) -> str:
    """First digits of an artifact's digest, from its sidecar; empty where it has none."""
    sidecar = sidecar_path(path)
    return read_json(sidecar)["sha256"][:SHORT] if sidecar.exists() else ""


def study_facts(
    inputs: Iterable[str],
    bins: str,
    records: Mapping[str, Mapping[str, Any]],
    summary: pl.DataFrame | None,
    benchmarks: Mapping[str, Mapping[str, Any]],
) -> list[tuple[str, str]]:
    """Pairs of label and words, the study's answer to: of what, on what, from how much.

    Args:
        inputs: files whose sidecars have the versions.
        bins: the bin table, whose digest is stated.
        records: ``contract`` and ``record`` (of the model), where the study has them.
        summary: the bin summary, or None.
        benchmarks: facts of each benchmark.
    """
    lines = []
    if "record" in records:
        lines.append(("Model", model_fact(records["record"])))
    if "contract" in records:
        lines += corpus_facts(records["contract"], summary)
    else:
        lines.append(("Corpus", "not in this study: it starts from an existing bin matrix"))
    for known in benchmarks.values():
        words = "an existing map"
        if "questions" in known:
            words = (
                f"{counted(known['questions'], 'question')}; {known['accuracy']:.0%} answered "
                f"correctly (chance {known['chance']:.0%})"
            )
        lines.append((known["title"], words))
    if digest(bins):
        lines.append(("Bin table", f"influence/bin_influence.parquet, digest {digest(bins)}"))
    found = versions(inputs)
    if found:
        lines.append(("Versions", ", ".join(f"{name} {number}" for name, number in found.items())))
    return lines
