"""Draw the signed 24 x 24 map of every benchmark.

in   bins: the table influence/bin_influence; answers, queries: of every benchmark, in the order
     of params.benchmarks
out  png, svg, csv: per benchmark the figure and the table behind it
"""

from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.capability_map import COLUMNS, benchmark_facts, draw_map
from workflow_scripts.report.grid import colour_scale, grid
from workflow_scripts.report.style import save_csv, save_figure, style


def main(snakemake: Any) -> None:
    """Draw all maps on one colour scale."""
    source, output = snakemake.input, snakemake.output
    table = read_table(source.bins, "influence/bin_influence")
    benchmarks, titles = snakemake.params.benchmarks, snakemake.params.titles
    maps = {name: table.filter(benchmark=name).select(COLUMNS) for name in benchmarks}
    scale = colour_scale(*(grid(bins, "z") for bins in maps.values()))
    places = zip(source.answers, source.queries, output.png, output.svg, output.csv, strict=True)
    for bins, title, paths in zip(maps.values(), titles, places, strict=True):
        answers, queries, png, svg, csv = paths
        facts = benchmark_facts(
            title,
            read_table(answers, "benchmarks/answers", ["correct"]),
            read_table(queries, "benchmarks/queries", ["choices"]),
        )
        save_csv(bins, csv)
        with style():
            save_figure(draw_map(bins, facts, scale), png, svg)


if __name__ == "__main__":
    run_job(main, snakemake)
