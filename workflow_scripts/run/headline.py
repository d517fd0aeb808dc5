"""Print the headline numbers of a finished study: python -m workflow_scripts.run.headline.

Takes the study's results folder and reads its tables alone, so it is fast and needs no engine.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from textwrap import wrap

import polars as pl

from workflow_scripts.common.errors import AtlasError, DataError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.tables import read_table
from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.report.budget_words import benchmark_rows, budget_words
from workflow_scripts.report.cautions import all_equal, texts
from workflow_scripts.report.headline_unlearning import (
    primary_lines,
    response_lines,
    unlearning_lines,
)
from workflow_scripts.run.headline_maps import comparison
from workflow_scripts.run.run_options import report_command
from workflow_scripts.unlearning.effects.pairs import shown_dose
from workflow_scripts.validation.scorers import STUDY, shown_in_brief, title_of

# The last job of a run that was asked for the whole study.
WHOLE = re.compile(r"^(?:local)?rule all:$", re.MULTILINE)
TOP = 3
WIDTH = 88


def accuracy_lines(folder: Path, benchmarks: list[str]) -> list[str]:
    """Accuracy of the base model on each benchmark, with chance."""
    lines = [f"{'':24} {'questions':>9}  {'accuracy':>8}  {'chance':>6}"]
    for name in benchmarks:
        place = folder / "benchmarks" / name
        answers = read_table(place / "answers.parquet", "benchmarks/answers", ["correct"])
        queries = read_table(place / "queries.parquet", "benchmarks/queries", ["choices"])
        right, chance = answers["correct"], (1 / queries["choices"].list.len()).mean()
        lines.append(f"{name:24} {answers.height:>9,}  {right.mean():>8.0%}  {chance:>6.0%}")
    return lines


def caution_lines(folder: Path) -> list[str]:
    """The cautions of the study, warnings first; none where an earlier version made it."""
    path = folder / "report" / "cautions.json"
    if not path.exists():
        return []
    return [
        line
        for text in texts(read_json(path))
        for line in wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    ]


def map_lines(bins: pl.DataFrame) -> list[str]:
    """The regions that support each benchmark most, and how many bins stand out."""
    lines = []
    for (name,), table in bins.group_by("benchmark", maintain_order=True):
        filled = table.drop_nulls("influence")
        lines.append(f"{name}: {_standing_out(filled)}")
        if all_equal(filled):
            lines.append("    all bins are equal: none supports more than another")
            continue
        topics = filled.group_by("topic").agg(pl.col("z").mean()).drop_nulls("z")
        topics = topics.sort("z", "topic", descending=[True, False]).head(TOP)
        means = [f"{display_name(topic)} {z:+.1f}" for topic, z in topics.iter_rows()]
        lines.append(f"    topics, mean z: {', '.join(means) or 'n/a'}")
        ranked = filled.sort("influence", "topic", "format", descending=[True, False, False])
        for row in ranked.head(TOP).iter_rows(named=True):
            place = f"{display_name(row['topic'])} x {display_name(row['format'])}"
            z = "n/a" if row["z"] is None else f"{row['z']:+.1f}"
            q = "" if row["q_unusual"] is None else f"   q {row['q_unusual']:.2g}"
            lines.append(f"    {place:52} z {z:>5}{q}")
    return lines


def _standing_out(filled: pl.DataFrame) -> str:
    """Number of bins that stand out on each side, or the reason why no bin is tested."""
    if filled["q_unusual"].is_null().all():
        return f"{filled.height} bins; none has a standard error, so none is tested"
    unusual = filled.filter(pl.col("q_unusual") < SIGNIFICANT)["influence"]
    above = int((unusual > filled["influence"].median()).sum()) if len(unusual) else 0
    return (
        f"{len(unusual)} of {filled.height} bins stand out at q < {SIGNIFICANT:g} "
        f"({above} support, {len(unusual) - above} oppose)"
    )


def budget_lines(folder: Path) -> list[str]:
    """Error budget of each benchmark's bins; no lines in a study without one."""
    path = folder / "influence" / "error_budget.parquet"
    if not path.exists():
        return []
    rows = benchmark_rows(read_table(path, "influence/error_budget"))
    return [
        line
        for name, row in rows.items()
        for line in wrap(f"{name}: {budget_words(row)}", WIDTH, subsequent_indent="    ")
    ]


def planted_lines(planted: pl.DataFrame) -> list[str]:
    """Recovery of the planted truth, by the map and by controls that should fail."""
    columns = ["auroc_support", "auroc_support_vs_contradiction", "dose_spearman"]
    lines = [
        "Mean over benchmarks (lowest), 0.5 = no knowledge (dose: 0)",
        f"{'':24} {'support':>14}  {'against contradiction':>22}  {'dose order':>14}",
    ]
    for name in shown_in_brief(planted["scorer"].unique()):
        rows = planted.filter(scorer=name)
        cells = [_mean_and_lowest(rows[column]) for column in columns]
        lines.append(f"{title_of(name):24} {cells[0]:>14}  {cells[1]:>22}  {cells[2]:>14}")
    own = planted.filter(scorer=STUDY)
    ends = [own[f"{column}_low"].drop_nulls() for column in columns[:2]]
    if all(map(len, ends)):
        low = ", ".join(f"{values.min():.2f}" for values in ends)
        lines.append(f"Intervals over topics of this study's map reach down to {low}")
    return lines


def _mean_and_lowest(values: pl.Series) -> str:
    known = values.drop_nulls()
    return f"{known.mean():.2f} ({known.min():.2f})" if len(known) else "n/a"


def headline(folder: Path) -> str:
    """The whole text for one study.

    Raises:
        DataError: the folder holds no finished study.
    """
    table = folder / "influence" / "bin_influence.parquet"
    if not table.exists():
        raise DataError(f"{table} does not exist; run the study first or name its results folder")
    columns = ["benchmark", "topic", "format", "n_docs", "influence", "z", "q_unusual"]
    bins = read_table(table, "influence/bin_influence", columns)
    benchmarks = bins["benchmark"].unique(maintain_order=True).to_list()
    first = bins.filter(benchmark=benchmarks[0])
    counts, filled = first["n_docs"], first["influence"].is_not_null().sum()
    documents = "" if counts.has_nulls() else f"{counts.sum():,} documents in "
    title = f"Capability Atlas: study {folder.name}, {documents}{filled} of {first.height} bins"
    parts = [[title, "=" * min(len(title), WIDTH)]]
    if lines := caution_lines(folder):
        parts.append(["Read with caution", *_indent(lines)])
    if (folder / "benchmarks").exists():
        parts.append(["Base model", *_indent(accuracy_lines(folder, benchmarks))])
    parts.append(["What supports each benchmark most", *_indent(map_lines(bins))])
    parts += [[heading, *_indent(lines)] for heading, lines in comparison(folder) if lines]
    if lines := budget_lines(folder):
        parts.append(["Error of a bin (se_total), median", *_indent(lines)])
    planted = folder / "validation" / "planted.parquet"
    if planted.exists():
        lines = planted_lines(read_table(planted, "validation/planted"))
        parts.append(["Planted truth recovered (AUROC)", *_indent(lines)])
    tests = folder / "unlearning" / "tests.parquet"
    if tests.exists():
        table = read_table(tests, "unlearning/tests")
        kept = read_table(tests.with_name("selection.parquet"), "unlearning/selection")
        lines = [*unlearning_lines(table, kept), *primary_lines(table)]
        response = folder / "unlearning" / "dose_response.parquet"
        if response.exists():
            answered = read_table(response, "unlearning/dose_response")
            lines += response_lines(answered, shown_dose(table))
        parts.append(["Forgetting the documents of a topic", *_indent(lines)])
    parts.append(["Where to look", *_indent(_places(folder))])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _places(folder: Path) -> list[str]:
    report = folder / "report" / "report.html"
    table = folder / "influence" / "bin_influence.parquet"
    # A report of an earlier run has the earlier numbers.
    there = report.exists() and report.stat().st_mtime >= table.stat().st_mtime
    explorer = folder / "report" / "explorer.html"
    return [
        *([f"explorer     {explorer}"] if explorer.exists() else []),
        f"figures      {folder / 'report' / 'figures'}",
        f"tables       {table}",
        f"report       {report if there else report_command(folder)}",
    ]


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def end_run(results: str, logs: list[str]) -> None:
    """Print the headline where a run has finished the whole study.

    Runs that asked for something else print none, nor does a run of a Makefile's target that
    prints it last itself (ATLAS_HEADLINE=later).

    Args:
        results: folder of the study's results.
        logs: log files of this run of Snakemake.
    """
    if os.environ.get("ATLAS_HEADLINE") == "later":
        return
    if any(WHOLE.search(Path(log).read_text(errors="replace")) for log in logs):
        sys.stdout.write("\n" + headline(Path(results)))


def main(arguments: list[str] | None = None) -> int:
    """Print the headline of the study whose results folder is given; 1 on a clear error."""
    parser = argparse.ArgumentParser(description="Headline numbers of a finished study.")
    parser.add_argument("results", type=Path, help="results/<study>")
    try:
        sys.stdout.write(headline(parser.parse_args(arguments).results))
    except AtlasError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
