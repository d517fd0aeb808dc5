"""Draw what the checks found: what baselines explain, and planted truth against the maps.

in   explained: how much of the map each baseline explains; cautions: report/cautions.json; where
     the truth is known also truth and bins: roles and the study's map, and planted: how well each
     scorer recovers the truth
out  explained_png, explained_svg, explained_csv; where the truth is known also planted_png,
     planted_svg and the tables behind the figure's two rows, bins_csv and scorers_csv
"""

from typing import Any

from workflow_scripts.common.files import read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.cautions import own, texts
from workflow_scripts.report.figures.explained_panels import draw_explained
from workflow_scripts.report.figures.planted_panel import draw_planted, judged_bins
from workflow_scripts.report.style import save_csv, save_figure, style


def main(snakemake: Any) -> None:
    """Draw and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    explained = read_table(source.explained, "validation/explained")
    titles = dict(zip(params.benchmarks, params.titles, strict=True))
    save_csv(explained, output.explained_csv)
    with style():
        figure = draw_explained(explained, titles, params.confidence)
        foot = texts(own(read_json(source.cautions), titles))
        save_figure(figure, output.explained_png, output.explained_svg, foot)
        if params.planted:
            planted = {name: titles[name] for name in params.planted}
            draw_truth(source, output, planted)


def draw_truth(source: Any, output: Any, titles: dict[str, str]) -> None:
    """The figure of planted truth and its two tables."""
    judged = judged_bins(
        read_table(source.bins, "influence/bin_influence"),
        read_table(source.truth, "corpus/truth"),
    )
    planted = read_table(source.planted, "validation/planted")
    save_csv(judged, output.bins_csv)
    save_csv(planted, output.scorers_csv)
    save_figure(draw_planted(judged, planted, titles), output.planted_png, output.planted_svg)


if __name__ == "__main__":
    run_job(main, snakemake)
