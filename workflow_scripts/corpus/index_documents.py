"""Index the documents of one part of the source: labels, lengths and places, no text.

in   documents: source files of the part; attributes: Dolma attribute files, or none
out  manifest: table corpus/manifest; malformed: JSON, rows read and malformed rows by reason
"""

import logging
from typing import Any

from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import write_table
from workflow_scripts.corpus.manifest import check_malformed, index_files

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Index the part; stop where nothing may be malformed and something is.

    A tolerated share is judged over the whole corpus, by ``sample_bins``, so that the verdict
    does not depend on how the files are grouped.
    """
    manifest, malformed = index_files(list(snakemake.input.documents), snakemake.params.layout)
    report = malformed.as_json()
    if snakemake.params.strict:
        check_malformed(report, 0.0)
    write_table(manifest, snakemake.output.manifest, "corpus/manifest")
    write_json(snakemake.output.malformed, report)
    logger.info(
        "%s documents from %s rows in %s file(s)",
        f"{manifest.height:,}",
        f"{report['rows']:,}",
        len(snakemake.input.documents),
    )


if __name__ == "__main__":
    run_job(main, snakemake)
