"""Index the documents of one part of the source: labels, lengths and places, no text.

in   documents: source files of the part, or none for a hub dataset; attributes: Dolma attribute
     files, or none; receipt: of fetch_files, for a hub dataset; annotations: of annotate_part,
     where labels are made
out  manifest: table corpus/manifest; malformed: JSON, rows read and malformed rows by reason
"""

import logging
from typing import Any

from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.streamed_tables import table_writer
from workflow_scripts.common.tables import read_table
from workflow_scripts.corpus.sources.document_index import (
    MalformedRows,
    check_malformed,
    index_files,
    reasons_listed,
)
from workflow_scripts.corpus.sources.fetch_files import open_source

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Index the part; stop where nothing may be malformed and something is.

    A tolerated share is judged over the whole corpus, by ``sample_bins``, so that the verdict
    does not depend on how the files are grouped.
    """
    layout, malformed = snakemake.params.layout, MalformedRows()
    source = snakemake.input
    receipts, data = source.get("receipt", []), snakemake.params.get("data", "")
    files, root = open_source(source.documents, receipts, layout, data)
    made = source.get("annotations", [])
    annotations = read_table(made[0], "corpus/annotations") if made else None
    with table_writer(snakemake.output.manifest, "corpus/manifest") as table:
        for piece in index_files(files, layout, malformed, root, annotations):
            table.write(piece)
        report = malformed.as_json()
        if snakemake.params.strict:
            check_malformed(report, 0.0)
    write_json(snakemake.output.malformed, report)
    logger.info(
        "%s documents from %s rows in %s file(s)",
        f"{table.rows:,}",
        f"{report['rows']:,}",
        len(files),
    )
    if report["malformed"]:
        logger.info("rows left out: %s", reasons_listed(report))


if __name__ == "__main__":
    run_job(main, snakemake)
