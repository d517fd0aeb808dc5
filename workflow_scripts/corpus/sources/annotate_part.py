"""Label the documents of one part that have no topic or no format, with the classifiers.

in   documents, attributes: source files of the part; receipt: of fetch_files, for a hub dataset
out  annotations: table corpus/annotations

Only what is missing is made, and only by the classifiers that the config names. Rows that are
no documents for another reason are left to index_documents, which counts them.
"""

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.streamed_tables import table_writer
from workflow_scripts.common.tables import polars_schema
from workflow_scripts.corpus.sources.classifiers import Classifier
from workflow_scripts.corpus.sources.fetch_files import open_source
from workflow_scripts.corpus.sources.records import Document, field_value, read_document
from workflow_scripts.corpus.sources.side_labels import KINDS, SideLabels, with_labels

logger = logging.getLogger("atlas")

DOCUMENTS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Document that lacks some labels: its place, its text, and the labels it lacks."""

    doc_id: str
    file: str
    row: int
    url: str
    text: str
    lacks: frozenset[str]


def unlabelled(
    files: Sequence[str], beside: SideLabels, layout: Mapping[str, Any], kinds: Sequence[str]
) -> Iterator[Unlabelled]:
    """Yield the documents that lack a label which a classifier can make.

    Args:
        files: source files of the part.
        beside: the labels in files beside them.
        layout: as :func:`~workflow_scripts.corpus.sources.sources.source_layout` gives it.
        kinds: labels that a classifier is there for.
    """
    progress = Progress(len(files), "files labelled")
    for file in files:
        for row, raw in beside.rows(file):
            if not isinstance(raw, dict):
                continue
            lacks = frozenset(kind for kind in kinds if field_value(raw, layout, kind) is None)
            if not lacks:
                continue
            # Placeholders for what will be made, so that everything else is checked as always.
            stand_ins = {"topic": "games", "format": "faq"}
            document = read_document(
                with_labels(raw, {kind: stand_ins[kind] for kind in lacks}), layout
            )
            if isinstance(document, Document):
                url = field_value(raw, layout, "url")
                url = url if isinstance(url, str) else ""
                yield Unlabelled(document.doc_id, file, row, url, document.text, lacks)
        progress.advance()


def classifier_input(document: Unlabelled, form: str) -> str:
    """Input of the classifiers: the text, or the URL, an empty line and the text."""
    return f"{document.url}\n\n{document.text}" if form == "url_text" else document.text


def annotate(
    documents: Sequence[Unlabelled],
    classifiers: Mapping[str, Classifier],
    form: str,
    max_tokens: int,
    tokens_per_batch: int,
) -> pl.DataFrame:
    """Label some documents.

    Args:
        documents: what lacks labels.
        classifiers: by ``topic`` and ``format``.
        form: ``text`` or ``url_text``.
        max_tokens: where texts are cut.
        tokens_per_batch: padded tokens in a batch.

    Returns:
        The columns of the table ``corpus/annotations``, in the order of the documents.
    """
    columns: dict[str, list[Any]] = {
        "doc_id": [document.doc_id for document in documents],
        "file": [document.file for document in documents],
        "row": [document.row for document in documents],
    }
    for kind in KINDS:
        labels: list[str | None] = [None] * len(documents)
        confidences: list[float | None] = [None] * len(documents)
        mine = [i for i, document in enumerate(documents) if kind in document.lacks]
        if mine:
            texts = [classifier_input(documents[i], form) for i in mine]
            made = classifiers[kind].classify(texts, max_tokens, tokens_per_batch)
            for i, label, confidence in zip(mine, *made, strict=True):
                labels[i], confidences[i] = label, float(confidence)
        columns[kind], columns[f"{kind}_confidence"] = labels, confidences
    schema = polars_schema("corpus/annotations")
    return pl.DataFrame({name: columns[name] for name in schema}, schema=schema)


def main(snakemake: Any) -> None:
    """Label the part, some thousand documents at a time."""
    params, source = snakemake.params, snakemake.input
    layout, settings = params.layout, params.annotate
    kinds = list(params.models)
    classifiers = {
        kind: Classifier(
            kind,
            params.models[kind],
            settings[f"{kind}_revision"],
            layout.get(f"{kind}s", ()),
            params.device,
            params.precision,
            settings["trust_remote_code"],
        )
        for kind in kinds
    }
    receipts, data = source.get("receipt", []), snakemake.params.get("data", "")
    files, root = open_source(source.documents, receipts, layout, data)
    waiting = unlabelled(files, SideLabels(layout, root), layout, kinds)
    with table_writer(snakemake.output.annotations, "corpus/annotations") as table:
        while documents := list(itertools.islice(waiting, DOCUMENTS_AT_ONCE)):
            table.write(
                annotate(
                    documents,
                    classifiers,
                    settings["input"],
                    settings["max_tokens"],
                    settings["tokens_per_batch"],
                )
            )
    logger.info("%s documents labelled in %s file(s)", f"{table.rows:,}", len(files))


if __name__ == "__main__":
    run_job(main, snakemake)
