"""Write the interactive explorer: one page that needs no network.

in   bins, contrasts, correlations: tables of the stage influence; summary, contract, record:
     working set and model; answers, queries: in the order of params.benchmarks; truth: where
     planted
out  page: report/explorer.html
"""

from pathlib import Path
from typing import Any

from workflow_scripts.common.files import atomic_path, read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.report.capability_map import benchmark_facts
from workflow_scripts.report.explorer_facts import question_facts, study_facts
from workflow_scripts.report.explorer_page import write_page
from workflow_scripts.report.explorer_payload import Tables, explorer_payload

TABLES = {
    "bins": "influence/bin_influence",
    "contrasts": "influence/contrasts",
    "correlations": "influence/correlations",
    "marginals": "influence/marginals",
    "weighted": "influence/weighted",
    "summary": "corpus/bin_summary",
    "truth": "corpus/truth",
}


def asked_questions(titles: dict[str, str], answers: list, queries: list) -> dict[str, dict]:
    """Facts of every benchmark; its title alone where no question was asked here."""
    known = {name: {"title": title} for name, title in titles.items()}
    if not answers:
        return known
    for (name, title), answered, asked in zip(titles.items(), answers, queries, strict=True):
        facts = benchmark_facts(
            title,
            read_table(answered, "benchmarks/answers", ["correct"]),
            read_table(asked, "benchmarks/queries", ["choices"]),
        )
        known[name] = question_facts(facts)
    return known


def main(snakemake: Any) -> None:
    """Gather the tables that the study has, and write the page."""
    source, params = snakemake.input, snakemake.params
    there = {name: source.get(name) for name in TABLES if source.get(name)}
    tables = Tables(**{name: read_table(path, TABLES[name]) for name, path in there.items()})
    titles = dict(zip(params.benchmarks, params.titles, strict=True))
    known = asked_questions(titles, source.get("answers", []), source.get("queries", []))
    records = {name: source.get(name) for name in ("contract", "record")}
    records = {name: read_json(path) for name, path in records.items() if path}
    facts = study_facts(list(source), there["bins"], records, tables.summary, known)
    payload = explorer_payload(params.study, tables, known, facts, params.confidence)
    with atomic_path(snakemake.output.page) as temporary:
        Path(temporary).write_text(write_page(payload), encoding="utf-8")


if __name__ == "__main__":
    run_job(main, snakemake)
