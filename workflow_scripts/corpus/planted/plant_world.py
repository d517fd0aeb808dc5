"""Write the planted world: documents, the truth about its bins, and questions.

in   nothing
out  documents: four jsonl.gz (id, text, topic, format, url); truth: table corpus/truth;
     questions: a jsonl per task of a planted benchmark (question_id, prompt, choices, gold, ...)
"""

import gzip
import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.common.files import atomic_path
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.corpus.planted.settings import WorldSettings
from workflow_scripts.corpus.planted.world import make_world

logger = logging.getLogger("atlas")


def world_settings(section: Mapping[str, Any]) -> WorldSettings:
    """The generator's settings from the config section ``corpus.planted``.

    Empty lists of topics or formats mean the whole taxonomy.
    """
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in section.items()}
    values["topics"] = values["topics"] or TOPICS
    values["formats"] = values["formats"] or FORMATS
    return WorldSettings(**values)


def complete_truth(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The truth over all 576 bins: a bin outside the world is neutral."""
    truth = pl.DataFrame(rows)
    every = pl.DataFrame(BINS, schema=["topic", "format"], orient="row")
    grid = truth.select(pl.col("benchmark").unique()).join(every, how="cross")
    return grid.join(truth, on=["benchmark", "topic", "format"], how="left").with_columns(
        pl.col("role").fill_null("neutral"), pl.col("dose").fill_null(0.0)
    )


def write_lines(path: str | os.PathLike, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines atomically; gzip for ``.gz``, without a time so that bytes repeat."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    packed = gzip.compress(lines, mtime=0) if str(path).endswith(".gz") else lines
    with atomic_path(path) as temporary:
        temporary.write_bytes(packed)


def main(snakemake: Any) -> None:
    """Make the world and write it."""
    world = make_world(world_settings(snakemake.params.world), snakemake.params.seed)
    files = list(snakemake.output.documents)
    cuts = [i * len(world.documents) // len(files) for i in range(len(files) + 1)]
    for i, path in enumerate(files):
        write_lines(path, world.documents[cuts[i] : cuts[i + 1]])
    write_table(complete_truth(world.truth), snakemake.output.truth, "corpus/truth")
    for path in snakemake.output.questions:
        write_lines(path, world.questions[Path(path).stem])
    logger.info(
        "%s documents, %s tasks with %s questions",
        f"{len(world.documents):,}",
        len(world.questions),
        sum(map(len, world.questions.values())),
    )


if __name__ == "__main__":
    run_job(main, snakemake)
