"""Draw what was planted against what the maps found.

in   truth, bins: roles and the study's map; planted: how well each scorer recovers the truth
out  png, svg: the figure; bins_csv, scorers_csv: the tables behind its two rows
"""

from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.planted_panel import draw_planted, judged_bins
from workflow_scripts.report.style import save_csv, save_figure, style


def main(snakemake: Any) -> None:
    """Draw and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    judged = judged_bins(
        read_table(source.bins, "influence/bin_influence"),
        read_table(source.truth, "corpus/truth"),
    )
    planted = read_table(source.planted, "validation/planted")
    titles = dict(zip(params.benchmarks, params.titles, strict=True))
    save_csv(judged, output.bins_csv)
    save_csv(planted, output.scorers_csv)
    with style():
        save_figure(draw_planted(judged, planted, titles), output.png, output.svg)


if __name__ == "__main__":
    run_job(main, snakemake)
