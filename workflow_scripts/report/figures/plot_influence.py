"""Draw the tables of influence: maps, contrasts, marginals, agreement, words.

in   bins, answers, queries: for the maps, the latter two of every benchmark in the order of
     params.benchmarks (none in a study of a matrix); cautions: what must be known of a map;
     per name in params.figures its table
out  map_png, map_svg, map_csv: per benchmark; per figure {name}_png, {name}_svg, {name}_csv
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from workflow_scripts.common.files import read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.report.cautions import Caution, concerning, guessed, own, texts
from workflow_scripts.report.figures import capability_map, contrast_panels, marginal_panels
from workflow_scripts.report.figures.agreement_panels import draw_correlations, draw_reliability
from workflow_scripts.report.figures.budget_panel import draw_budget
from workflow_scripts.report.figures.capability_map import BenchmarkFacts, benchmark_facts, draw_map
from workflow_scripts.report.figures.contrast_panels import draw_contrasts
from workflow_scripts.report.figures.grid import colour_scale, grid
from workflow_scripts.report.figures.lexical_panels import compared, draw_words
from workflow_scripts.report.figures.marginal_panels import draw_marginals
from workflow_scripts.report.style import save_csv, save_figure, style

# Columns of the table that a figure shows; all of them where it is not named.
COLUMNS = {"contrasts": contrast_panels.COLUMNS, "marginals": marginal_panels.COLUMNS}
# Rows of the table that a figure shows; all of them where it is not named.
SHOWN: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "lexical_profile": compared,
    "error_budget": lambda table: table.filter(pl.col("topic").is_null()),
}
# From the table, the parameters and the number of bins with documents.
DRAW: dict[str, Callable[[pl.DataFrame, Any, int], Figure]] = {
    "contrasts": lambda table, p, n: draw_contrasts(
        table, plan_contrasts(p.cells, p.contrasts), p.cells, p.confidence, p.matrix
    ),
    "marginals": lambda table, p, n: draw_marginals(table, _titles(p), p.confidence, p.matrix),
    "correlations": lambda table, p, n: draw_correlations(
        table, _titles(p), n, p.confidence, p.matrix
    ),
    "error_budget": lambda table, p, n: draw_budget(table, _titles(p)),
    "reliability": lambda table, p, n: draw_reliability(table, _titles(p), p.confidence),
    "lexical_profile": lambda table, p, n: draw_words(table, _titles(p), p.confidence),
}


def main(snakemake: Any) -> None:
    """Draw every figure that the rule names."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    stems = {Path(path).stem for path in output.map_png}
    remove_earlier(Path(output.map_png[0]).parent, stems | set(params.figures))
    with style():
        bins = read_table(source.bins, "influence/bin_influence")
        cautions = read_json(source.cautions)
        draw_maps(bins, cautions, source, output, params)
        n_bins = bins.drop_nulls("influence").select("topic", "format").n_unique()
        for name in params.figures:
            table = read_table(getattr(source, name), f"influence/{name}")
            table = table.select(COLUMNS.get(name, table.columns))
            table = SHOWN.get(name, lambda whole: whole)(table)
            save_csv(table, getattr(output, f"{name}_csv"))
            figure = DRAW[name](table, params, n_bins)
            png, svg = getattr(output, f"{name}_png"), getattr(output, f"{name}_svg")
            save_figure(figure, png, svg, texts(own(cautions, params.benchmarks)))


def remove_earlier(folder: Path, kept: set[str]) -> None:
    """Remove figures of this rule that the study no longer has.

    Snakemake leaves files of benchmarks that were taken out of the study. They would appear beside
    the new maps as if they were of the same study.

    Args:
        folder: the study's figures, those of other rules among them.
        kept: names of this rule's figures, without their endings.
    """
    for path in folder.iterdir() if folder.exists() else ():
        stem, _, ending = path.name.partition(".")
        own = stem in DRAW or stem.startswith("map_")
        if own and stem not in kept and ending.removesuffix(".meta.json") in ("png", "svg", "csv"):
            path.unlink()


def draw_maps(
    table: pl.DataFrame, cautions: list[Caution], source: Any, output: Any, params: Any
) -> None:
    """Draw the maps of all benchmarks on one colour scale, each with the cautions about it."""
    maps = {
        name: table.filter(benchmark=name).select(capability_map.COLUMNS)
        for name in params.benchmarks
    }
    scale = colour_scale(*(grid(bins, "z") for bins in maps.values()))
    nothing = [None] * len(maps)
    facts = zip(
        source.get("answers", nothing), source.get("queries", nothing), params.titles, strict=True
    )
    paths = zip(output.map_png, output.map_svg, output.map_csv, strict=True)
    for (name, bins), (answers, queries, title), (png, svg, csv) in zip(
        maps.items(), facts, paths, strict=True
    ):
        known = _facts(title, answers, queries)
        save_csv(bins, csv)
        figure = draw_map(bins, known, scale, name in guessed(cautions))
        save_figure(figure, png, svg, texts(concerning(cautions, [name])))


def _facts(title: str, answers: str | None, queries: str | None) -> BenchmarkFacts:
    """Facts in the heading of a map; the title alone in a study of a matrix."""
    if answers is None or queries is None:
        return BenchmarkFacts(title)
    return benchmark_facts(
        title,
        read_table(answers, "benchmarks/answers", ["correct"]),
        read_table(queries, "benchmarks/queries", ["choices"]),
    )


def _titles(params: Any) -> dict[str, str]:
    return dict(zip(params.benchmarks, params.titles, strict=True))


if __name__ == "__main__":
    run_job(main, snakemake)
