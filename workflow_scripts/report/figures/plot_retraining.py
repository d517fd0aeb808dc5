"""Draw the linear datamodeling score (LDS) of each map.

in   lds: the scores; predictions: predicted and observed output of every half
out  scores_png, scores_svg, halves_png, halves_svg: the figures; scores_csv, halves_csv: the tables
     behind them
"""

from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.figures.retraining_panel import draw_halves, draw_scores
from workflow_scripts.report.style import save_csv, save_figure, style


def main(snakemake: Any) -> None:
    """Draw and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    table = read_table(source.lds, "validation/lds")
    points = read_table(source.predictions, "validation/retraining_predictions")
    titles = dict(zip(params.benchmarks, params.titles, strict=True))
    titles |= {name: f"Contrast: {title}" for name, title in params.contrasts.items()}
    save_csv(table, output.scores_csv)
    save_csv(points, output.halves_csv)
    with style():
        save_figure(draw_scores(table, titles), output.scores_png, output.scores_svg)
        save_figure(draw_halves(points, table, titles), output.halves_png, output.halves_svg)


if __name__ == "__main__":
    run_job(main, snakemake)
