"""Draw the signed 24 x 24 map of every benchmark.

in   bins: the table influence/bin_influence; answers, queries: of every benchmark, in the order
     of params.benchmarks; neither in a study of a matrix
out  png, svg, csv: per benchmark the figure and the table behind it
"""

from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.capability_map import (
    COLUMNS,
    BenchmarkFacts,
    benchmark_facts,
    draw_map,
)
from workflow_scripts.report.grid import colour_scale, grid
from workflow_scripts.report.style import save_csv, save_figure, style


def facts_of(title: str, answers: str | None, queries: str | None) -> BenchmarkFacts:
    """What the figure states about a benchmark; its title alone where nobody was asked."""
    if answers is None or queries is None:
        return BenchmarkFacts(title)
    return benchmark_facts(
        title,
        read_table(answers, "benchmarks/answers", ["correct"]),
        read_table(queries, "benchmarks/queries", ["choices"]),
    )


def main(snakemake: Any) -> None:
    """Draw all maps on one colour scale."""
    source, output = snakemake.input, snakemake.output
    table = read_table(source.bins, "influence/bin_influence")
    benchmarks, titles = snakemake.params.benchmarks, snakemake.params.titles
    maps = {name: table.filter(benchmark=name).select(COLUMNS) for name in benchmarks}
    scale = colour_scale(*(grid(bins, "z") for bins in maps.values()))
    nothing = [None] * len(benchmarks)
    asked = zip(source.get("answers", nothing), source.get("queries", nothing), strict=True)
    places = zip(output.png, output.svg, output.csv, strict=True)
    for bins, title, files, paths in zip(maps.values(), titles, asked, places, strict=True):
        facts, (png, svg, csv) = facts_of(title, *files), paths
        save_csv(bins, csv)
        with style():
            save_figure(draw_map(bins, facts, scale), png, svg)


if __name__ == "__main__":
    run_job(main, snakemake)
