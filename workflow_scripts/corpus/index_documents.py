"""Index the documents of one part of the source: labels, lengths and places, no text.

in   documents: source files of the part; attributes: Dolma attribute files, or none
out  manifest: table corpus/manifest; malformed: JSON, rows read and malformed rows by reason
"""

import logging
from typing import Any

from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.streamed_tables import table_writer
from workflow_scripts.corpus.manifest import MalformedRows, check_malformed, index_files

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Index the part; stop where nothing may be malformed and something is.

    A tolerated share is judged over the whole corpus, by ``sample_bins``, so that the verdict
    does not depend on how the files are grouped.
    """
    files, malformed = list(snakemake.input.documents), MalformedRows()
    with table_writer(snakemake.output.manifest, "corpus/manifest") as table:
        for piece in index_files(files, snakemake.params.layout, malformed):
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


if __name__ == "__main__":
    run_job(main, snakemake)
