"""Collect the cautions of a study in one list, which every page and figure reads.

in   bins: the maps; contract, summary, reliability: where the study has documents; answers,
     queries, results: in the order of params.benchmarks; check: of a pretrained model
out  cautions: report/cautions.json, in the words of workflow_scripts/report/cautions.py
"""

import logging
from typing import Any

from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.caution_rules import (
    documents_cut,
    dominated_bins,
    left_out_rows,
    near_chance,
    questions_cut,
    special_tokens,
    unreliable_maps,
)
from workflow_scripts.report.cautions import NOTE, Caution, in_order

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Ask every artifact that the study has, and write the list."""
    source, params = snakemake.input, snakemake.params
    titles = dict(zip(params.benchmarks, params.titles, strict=True))
    found = of_questions(source, titles) + of_the_corpus(source)
    if source.get("reliability"):
        reliability = read_table(source.reliability, "influence/reliability")
        found += unreliable_maps(reliability, titles)
    if source.get("check"):
        found += special_tokens(read_json(source.check))
    cautions = in_order(found)
    write_json(snakemake.output.cautions, cautions)
    for one in cautions:
        log = logger.info if one["severity"] == NOTE else logger.warning
        log("%s", one["text"])


def of_questions(source: Any, titles: dict[str, str]) -> list[Caution]:
    """Cautions about what the model makes of the questions."""
    if not source.get("answers"):
        return []
    found = []
    paths = zip(titles.items(), source.answers, source.queries, source.results, strict=True)
    for (name, title), answers, queries, results in paths:
        answered = read_table(answers, "benchmarks/answers", ["correct"])
        asked = read_table(queries, "benchmarks/queries", ["choices"])
        found += near_chance(name, title, answered, asked)
        found += questions_cut(name, title, read_json(results))
    return found


def of_the_corpus(source: Any) -> list[Caution]:
    """Cautions about the documents and the bins that they fill."""
    if not source.get("contract"):
        return []
    summary = read_table(source.summary, "corpus/bin_summary")
    columns = ["benchmark", "topic", "format", "rank", "q_unusual"]
    bins = read_table(source.bins, "influence/bin_influence", columns)
    return [
        *left_out_rows(read_json(source.contract)),
        *dominated_bins(summary, bins),
        *documents_cut(summary),
    ]


if __name__ == "__main__":
    run_job(main, snakemake)
