"""Write the two pages of the study: the explorer, and the front page of the report.

in   bins, contrasts, correlations: tables of the stage influence; summary, contract, record:
     working set and model; answers, queries: in the order of params.benchmarks; truth, planted:
     where planted; tests: where documents were forgotten; reliability, explained, leakage,
     leakage_maps: where the study has them; contrast_extremes; cautions: report/cautions.json
out  page: report/explorer.html, which needs no network; story: report/story.rst
"""

from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.common.files import atomic_path, read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table
from workflow_scripts.influence.contrasts.contrast_plan import plan_contrasts
from workflow_scripts.report.explorer.facts import question_facts, study_facts
from workflow_scripts.report.explorer.page import write_page
from workflow_scripts.report.explorer.payload import Kind, Tables, explorer_payload
from workflow_scripts.report.figures.capability_map import benchmark_facts
from workflow_scripts.report.story.story import Story, write_story

TABLES = {
    "bins": "influence/bin_influence",
    "contrasts": "influence/contrasts",
    "correlations": "influence/correlations",
    "marginals": "influence/marginals",
    "weighted": "influence/weighted",
    "summary": "corpus/bin_summary",
    "truth": "corpus/truth",
}
# Tables that the front page alone shows.
TOLD = {
    "contrast_extremes": "influence/contrast_extremes",
    "reliability": "influence/reliability",
    "sensitivity": "influence/sensitivity",
    "error_budget": "influence/error_budget",
    "tests": "unlearning/tests",
    "dose_response": "unlearning/dose_response",
    "topics": "unlearning/topics",
    "selection": "unlearning/selection",
    "planted": "validation/planted",
    "explained": "validation/explained",
    "leakage": "validation/leakage",
    "leakage_maps": "validation/leakage_maps",
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
    """Gather the tables that the study has, and write both pages."""
    source, params = snakemake.input, snakemake.params
    shown = _read(source, TABLES)
    tables = Tables(**shown)
    titles = dict(zip(params.benchmarks, params.titles, strict=True))
    known = asked_questions(titles, source.get("answers", []), source.get("queries", []))
    records = {name: source.get(name) for name in ("contract", "record")}
    records = {name: read_json(path) for name, path in records.items() if path}
    facts = study_facts(list(source), source.bins, records, tables.summary, known)
    matrix = params.told["matrix"]
    plans = plan_contrasts(params.cells, params.contrasts)
    cautions = read_json(source.cautions)
    payload = explorer_payload(
        params.study,
        tables,
        known,
        facts,
        params.confidence,
        Kind(matrix, params.cells, plans, cautions),
    )
    with atomic_path(snakemake.output.page) as temporary:
        Path(temporary).write_text(write_page(payload), encoding="utf-8")
    told = shown | _read(source, TOLD)
    story = Story(params.study, titles, facts, told, plans=plans, cautions=cautions, **params.told)
    with atomic_path(snakemake.output.story) as temporary:
        Path(temporary).write_text(write_story(story), encoding="utf-8")


def _read(source: Any, schemas: dict[str, str]) -> dict[str, pl.DataFrame]:
    """Those of the tables that the study has."""
    paths = {name: source.get(name) for name in schemas}
    return {name: read_table(path, schemas[name]) for name, path in paths.items() if path}


if __name__ == "__main__":
    run_job(main, snakemake)
