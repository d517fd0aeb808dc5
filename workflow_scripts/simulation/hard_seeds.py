"""Unseen seeds of the hard planted world, from the world to the map, published as they come.

    python -m workflow_scripts.simulation.hard_seeds --seeds 101..110

runs a study for each seed, one after the other and on one core, without unlearning and without the
other scorers of validation, and writes docs/simulation/hard_seeds.csv after each. A seed whose
rows are there is not run again without ``--again``; one that failed is in the table with the
reason and is tried again by the next run. Another world is an overlay: ``--configfile A B``.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from workflow_scripts.common.files import atomic_path, read_json
from workflow_scripts.common.tables import read_table
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.validation.scorers import STUDY

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "simulation" / "hard_seeds.csv"
CONFIG = Path("configs", "planted-hard.yaml")
STREAMS = ("corpus", "model", "projection", "preconditioner", "bootstrap")
# The map and its truth alone.
LIGHT = {
    "attribution": {"rows": "discard"},
    "unlearning": {"benchmarks": []},
    "validation": {
        "scorers": [],
        "untrained": False,
        "shuffled": False,
        "leakage_ngram": 0,
        "projection": False,
    },
}
FEW_SITES = 3
COUNTS = (
    "questions",
    "bins",
    "bins_of_few_sites",
    "called",
    "called_support",
    "called_contradiction",
    "called_strayed",
    "called_neutral",
)
MEASURES = (
    "accuracy",
    "false_share",
    "false_discovery_share",
    "power",
    "auroc_support",
    "auroc_support_vs_contradiction",
    "contradiction_sign",
)
SCHEMA = {
    "seed": pl.Int64,
    "benchmark": pl.String,
    "state": pl.String,
    **dict.fromkeys(COUNTS, pl.Int64),
    **dict.fromkeys(MEASURES, pl.Float64),
    "minutes": pl.Float64,
    "reason": pl.String,
}
DONE, FAILED = "done", "failed"


def seeds_of(text: str) -> list[int]:
    """The seeds of ``101..110`` or ``3,5``.

    Raises:
        ValueError: it is neither, or names none.
    """
    first, dots, last = text.partition("..")
    seeds = list(range(int(first), int(last) + 1)) if dots else [int(x) for x in text.split(",")]
    if not seeds:
        raise ValueError(f"--seeds is {text}; allowed: as 101..110 or 3,5")
    return seeds


def overlay(study: str, seed: int) -> dict[str, Any]:
    """Configuration of one seed's study, over that of the world."""
    return {"study": f"{study}_s{seed}", "seeds": dict.fromkeys(STREAMS, seed), **LIGHT}


def run_seed(configs: Sequence[Path], seed: int, root: Path = ROOT) -> tuple[Path, str | None]:
    """Run one seed's study to its map and truth, or go on with it.

    Args:
        configs: the world's, in the order in which they overlay each other; the last study that
            they name gives the folder its name.
        seed: of everything that is drawn.
        root: the project.

    Returns:
        the folder of results, and why it failed, None where it did not.
    """
    named = [yaml.safe_load((root / path).read_text()).get("study") for path in configs]
    own = overlay([name for name in named if name][-1], seed)
    folder = root / "results" / own["study"]
    config = folder / ".state" / "seed.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(own))
    target = folder / "validation" / "planted.parquet"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile"]
    command += [*map(str, configs), str(config.relative_to(root)), "--"]
    done = subprocess.run(
        [*command, str(target.relative_to(root))],
        cwd=root,
        env=os.environ | {"OMP_NUM_THREADS": "1", "ATLAS_HEADLINE": "later"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    config.with_name("seed.log").write_text(done.stdout)
    return folder, last_line(done.stdout) if done.returncode else None


def last_line(text: str) -> str:
    """Last line of a failed run, which says why it failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def seed_rows(folder: Path) -> list[dict[str, Any]]:
    """A row for each benchmark of a finished study, without seed and minutes.

    ``called`` are bins with q < 5%; of the ordinary ones ``called_strayed`` hold documents with
    the capability, by their labels, and ``called_neutral`` do not. ``false_share`` is the share
    of these last; ``false_discovery_share`` is that of ``validation/planted``: of the bins called
    as supporting, those that are no support bin.
    """
    truth = read_table(folder / "corpus" / "truth.parquet", "corpus/truth")
    bins = read_table(folder / "influence" / "bin_influence.parquet", "influence/bin_influence")
    summary = read_table(folder / "corpus" / "bin_summary.parquet", "corpus/bin_summary")
    found = read_table(folder / "validation" / "planted.parquet", "validation/planted")
    few = summary.filter(pl.col("n_sites").is_between(1, FEW_SITES)).height
    keys = ["benchmark", "topic", "format"]
    judged = bins.drop_nulls("influence").join(truth, on=keys)
    rows = []
    for row in found.filter(scorer=STUDY).iter_rows(named=True):
        answers = read_json(folder / "benchmarks" / row["benchmark"] / "results.json")
        own = judged.filter(benchmark=row["benchmark"])
        called = own.filter(pl.col("q_unusual") < SIGNIFICANT)
        ordinary = called.filter(pl.col("role").is_in(["neutral", "decoy"]))
        neutral = ordinary.filter(dose=0).height
        rows.append(
            {
                "benchmark": row["benchmark"],
                "state": DONE,
                "questions": answers["n_questions"],
                "accuracy": answers["accuracy"],
                "bins": own.height,
                "bins_of_few_sites": few,
                "called": called.height,
                "called_support": called.filter(role="support").height,
                "called_contradiction": called.filter(role="contradiction").height,
                "called_strayed": ordinary.height - neutral,
                "called_neutral": neutral,
                "false_share": neutral / called.height if called.height else None,
                **{key: row[key] for key in MEASURES if key in row},
            }
        )
    return rows


def with_rows(table: pl.DataFrame, seed: int, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The table with these rows of a seed in the place of those that it had."""
    own = pl.DataFrame([{"seed": seed, **row} for row in rows], schema=SCHEMA)
    return pl.concat([table.filter(pl.col("seed") != seed), own]).sort("seed", maintain_order=True)


def try_seed(configs: Sequence[Path], seed: int) -> list[dict[str, Any]]:
    """The rows of a seed; a single one with the reason where its study failed."""
    started = time.monotonic()
    folder, reason = run_seed(configs, seed)
    minutes = (time.monotonic() - started) / 60
    if reason:
        return [{"state": FAILED, "minutes": minutes, "reason": reason}]
    return [row | {"minutes": minutes} for row in seed_rows(folder)]


def main(arguments: list[str] | None = None) -> int:
    """Run the seeds; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=seeds_of, default="101..110", help="as 101..110 or 3,5")
    parser.add_argument("--configfile", type=Path, nargs="+", default=[CONFIG], help="of the world")
    parser.add_argument("--out", type=Path, default=TABLE, help="table to write")
    parser.add_argument("--again", action="store_true", help="also seeds whose rows are there")
    given = parser.parse_args(arguments)
    failed = 0
    for seed in given.seeds:
        table = pl.read_csv(given.out, schema=SCHEMA) if given.out.exists() else None
        table = pl.DataFrame(schema=SCHEMA) if table is None else table
        if not given.again and table.filter(seed=seed, state=DONE).height:
            continue
        rows = try_seed(given.configfile, seed)
        failed += rows[0]["state"] == FAILED
        with atomic_path(given.out) as temporary:
            with_rows(table, seed, rows).write_csv(temporary, float_precision=4)
        sys.stdout.write(f"seed {seed}: {rows[0]['state']}, {rows[0]['minutes']:.1f} min\n")
        sys.stdout.flush()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
