"""Damage of every run on every benchmark, and the tests of the arms' differences.

in   runs: run.json of every benchmark, topic and seed; evaluations: of every topic and
     evaluated benchmark; half_runs, half_evaluations: of cross-fitted topics; scores: of the
     documents, by halves of the questions, for every target; queries: of every benchmark
out  effects: one row per target, evaluated benchmark, topic, arm, seed and dose; tests:
     contrasts between arms; selectivity: own against off-target damage; selection: what of the
     targeted documents' excess stays on questions that did not choose them; registration:
     what is primary
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.attribution.question_halves import table_of_halves
from workflow_scripts.common.errors import ConfigError, IntegrityError
from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.unlearning.arms import CONTROL
from workflow_scripts.unlearning.effects.arm_tests import test_table
from workflow_scripts.unlearning.effects.asked import Asked, add_evaluation
from workflow_scripts.unlearning.effects.crossed import crossed_evaluation, crossed_record
from workflow_scripts.unlearning.effects.damage import chance_of, effect_rows
from workflow_scripts.unlearning.effects.halves import SELECTION, kept_excess
from workflow_scripts.unlearning.effects.power import Spreads
from workflow_scripts.unlearning.effects.registration import registration_digest, with_primary
from workflow_scripts.unlearning.effects.resampled import TestSettings
from workflow_scripts.unlearning.effects.selectivity import selectivity_table
from workflow_scripts.unlearning.forgetting.run_records import read_run, target_of

logger = logging.getLogger("atlas")


def runs_by_topic(paths: list[str]) -> dict[Path, list[dict[str, Any]]]:
    """Records of ``run.json`` by the folder of their topic, .../unlearning/{benchmark}/{topic}.

    Raises:
        ConfigError: two entries of ``unlearning.topics`` are the same topic for a benchmark.
        IntegrityError: a record is damaged, or the seeds of a folder have several topics.
    """
    grouped: dict[Path, list[dict[str, Any]]] = {}
    for path in map(Path, paths):
        grouped.setdefault(path.parents[1], []).append(read_run(path))
    seen: dict[tuple[str, str], str] = {}
    for folder, records in grouped.items():
        if len(topics := {record["topic"] for record in records}) > 1:
            raise IntegrityError(
                f"the seeds in {folder} forgot several topics ({', '.join(sorted(topics))}); "
                "delete the folder and run again"
            )
        key = (folder.parent.name, records[0]["topic"])
        if key in seen:
            raise ConfigError(
                f"config key 'unlearning.topics' names {key[1]!r} twice for benchmark {key[0]!r}: "
                f"as {seen[key]!r} and as {folder.name!r}; remove one of them"
            )
        seen[key] = folder.name
    return grouped


def gather(source: Any, params: Any) -> tuple[pl.DataFrame, Asked]:
    """Rows of the table ``unlearning/effects``, and the damage by question behind them."""
    columns = ["query_id", "task", "passage", "choices"]
    queries = {
        name: read_table(path, "benchmarks/queries", columns)
        for name, path in zip(params.benchmarks, source.queries, strict=True)
    }
    halves = {name: table_of_halves(queries[name]) for name in params.targets}
    runs, asked, parts = runs_by_topic(list(source.runs)), Asked(), []

    def add(target: str, evaluated: str, table: pl.DataFrame, records: list, path: Path) -> None:
        chance = chance_of(queries[evaluated])
        part = effect_rows(target, evaluated, table, records, params.doses, chance, str(path))
        add_evaluation(asked, target, part["topic"][0], evaluated, table, queries[evaluated])
        parts.append(part)

    for path in map(Path, source.evaluations):
        folder = path.parents[1]
        target = CONTROL if folder.name == CONTROL else folder.parent.name
        add(target, path.stem, read_table(path, "unlearning/evaluation"), runs[folder], path)
    by_topic: dict[Path, list[dict[str, Any]]] = {}
    for path in map(Path, source.half_runs):
        by_topic.setdefault(path.parents[1], []).append(crossed_record(read_run(path)))
    for path in map(Path, source.half_evaluations):
        # <results>/unlearning/{benchmark}/{topic}/halves/evaluation.parquet
        target = path.parents[2].name
        evaluation = read_table(path, "unlearning/evaluation")
        table = crossed_evaluation(evaluation, halves[target])
        add(target, target, table, by_topic[path.parent], path)
    return pl.concat(parts, how="diagonal_relaxed"), asked


def selection_table(effects: pl.DataFrame, scores: list[str], params: Any) -> pl.DataFrame:
    """Rows of the table ``unlearning/selection``: what of the documents' excess stays."""
    rows = []
    for target, path in zip(params.targets, scores, strict=True):
        table = read_table(path, "attribution/scores")
        for topic in effects.filter(target=target)["topic"].unique().sort():
            rows += kept_excess(table, target, topic, params.documents)
    return pl.DataFrame(rows, schema=SELECTION, orient="row")


def recorded(evaluations: list[str]) -> dict[str, set[str]]:
    """Digests of the registrations under which each target's evaluations on itself were made."""
    found: dict[str, set[str]] = {}
    for path in map(Path, evaluations):
        target = target_of(path)
        if target == path.stem:
            digests = read_table(path, "unlearning/evaluation", ["registration"])["registration"]
            found.setdefault(target, set()).update(digests.unique())
    return found


def interval_text(row: Mapping[str, Any]) -> str:
    """Interval of a row of the tests in words, or a note that it is missing."""
    if row["ci_low"] is None:
        return "no interval"
    return f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"


def log_primary(tests: pl.DataFrame) -> None:
    """Say what the primary difference of each target is."""
    for row in tests.filter("primary").iter_rows(named=True):
        if row["median"] is None:
            logger.warning("%s, dose %g: %s", row["target"], row["dose"], row["note"])
            continue
        logger.info(
            "%s, dose %g: %s %+.3f of %s (%s), %d topics%s",
            row["target"],
            row["dose"],
            row["contrast"],
            row["median"],
            row["measure"],
            interval_text(row),
            row["n_topics"],
            f"; {row['note']}" if row["note"] else "",
        )


def main(snakemake: Any) -> None:
    """Gather, test and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    effects, asked = gather(source, params)
    assumed = {k: v for k, v in params.power.items() if k not in ("power", "questions")}
    settings = TestSettings(
        params.confidence,
        params.bootstraps,
        params.seed,
        params.equivalence,
        Spreads(**assumed),
        params.power["power"],
    )
    write_table(effects, output.effects, "unlearning/effects")
    named = params.registration
    tests = test_table(effects, asked, settings)
    tests = with_primary(tests, named, recorded(source.evaluations))
    write_table(tests, output.tests, "unlearning/tests")
    selectivity = selectivity_table(effects, asked, settings)
    write_table(selectivity, output.selectivity, "unlearning/selectivity")
    selection = selection_table(effects, list(source.scores), params)
    write_table(selection, output.selection, "unlearning/selection")
    write_json(output.registration, named | {"digest": registration_digest(named)})
    log_primary(tests)


if __name__ == "__main__":
    run_job(main, snakemake)
