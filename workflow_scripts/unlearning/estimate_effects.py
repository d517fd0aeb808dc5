"""Damage of every run on every benchmark, and what the arms' differences say.

in   runs: run.json of every benchmark, topic and seed; evaluations: of every topic and
     evaluated benchmark
out  effects: one row per target, evaluated benchmark, topic, arm, seed and dose; tests:
     contrasts between arms; selectivity: own against off-target damage; registration: what is
     primary
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.common.errors import ConfigError, IntegrityError
from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.unlearning.differences import TestSettings, selectivity_table, test_table
from workflow_scripts.unlearning.effects import effect_rows
from workflow_scripts.unlearning.names import CONTROL
from workflow_scripts.unlearning.power import Spreads
from workflow_scripts.unlearning.registration import registration_digest, with_primary
from workflow_scripts.unlearning.run_files import read_run, target_of

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


def gather(
    runs: Mapping[Path, list[dict[str, Any]]], evaluations: list[str], doses: list[float]
) -> pl.DataFrame:
    """Rows of the table ``unlearning/effects``."""
    parts = []
    for path in map(Path, evaluations):
        folder = path.parents[1]
        table = read_table(path, "unlearning/evaluation")
        target = CONTROL if folder.name == CONTROL else folder.parent.name
        parts.append(effect_rows(target, path.stem, table, runs[folder], doses, str(path)))
    return pl.concat(parts, how="diagonal_relaxed")


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
    """The interval of a row of the tests, or that there is none."""
    if row["ci_low"] is None:
        return "no interval"
    return f"{row['ci_low']:.3f} to {row['ci_high']:.3f}"


def main(snakemake: Any) -> None:
    """Gather, test and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    effects = gather(runs_by_topic(list(source.runs)), list(source.evaluations), params.doses)
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
    tests = with_primary(test_table(effects, settings), named, recorded(source.evaluations))
    write_table(tests, output.tests, "unlearning/tests")
    write_table(selectivity_table(effects, settings), output.selectivity, "unlearning/selectivity")
    write_json(output.registration, named | {"digest": registration_digest(named)})
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


if __name__ == "__main__":
    run_job(main, snakemake)
