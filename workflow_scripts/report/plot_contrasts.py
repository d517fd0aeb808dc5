"""Draw the contrasts between the social and the STEM benchmarks.

in   contrasts: the table influence/contrasts
out  png, svg: the figure; csv: the table behind it
"""

from typing import Any

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.contrast_panels import COLUMNS, draw_contrasts
from workflow_scripts.report.style import save_csv, save_figure, style


def main(snakemake: Any) -> None:
    """Draw and write."""
    path, output, params = snakemake.input.contrasts, snakemake.output, snakemake.params
    contrasts = read_table(path, "influence/contrasts").select(COLUMNS)
    if contrasts.is_empty():
        raise DataError(
            f"{path} has no contrast: fewer than two bins hold documents; "
            "give the corpus documents in more bins"
        )
    save_csv(contrasts, output.csv)
    with style():
        figure = draw_contrasts(contrasts, params.cells, params.confidence)
        save_figure(figure, output.png, output.svg)


if __name__ == "__main__":
    run_job(main, snakemake)
