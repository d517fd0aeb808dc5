"""The table of bins from an existing matrix, in place of a study's own attribution.

in   matrix: csv or parquet with topic, format, optional doc_count, one column a benchmark
out  table: influence/bin_influence, errors null
"""

from typing import Any

from workflow_scripts.common.bin_matrix import read_matrix
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import write_table
from workflow_scripts.influence.matrix.matrix_bins import TABLE, matrix_bins


def main(snakemake: Any) -> None:
    """Read, complete and write."""
    matrix = read_matrix(snakemake.input.matrix)
    write_table(matrix_bins(matrix), snakemake.output.table, TABLE)


if __name__ == "__main__":
    run_job(main, snakemake)
