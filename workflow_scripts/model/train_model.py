"""Train the study's model on its own working set.

in   shards: every tokenised shard; tokenizer, tokenizer_config
out  config, weights: the model in safetensors; record: model.json; history: loss by step
"""

import dataclasses
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.common.files import atomic_path, file_digest, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import load_tokenizer, model_record
from workflow_scripts.model.training import (
    ArchitectureSettings,
    TrainSettings,
    build_model,
    train,
)

logger = logging.getLogger("atlas")


def split_settings(
    settings: Mapping[str, Any],
) -> tuple[ArchitectureSettings, TrainSettings]:
    """Split the config section ``model.train`` in shape and training."""
    shape = {field.name for field in dataclasses.fields(ArchitectureSettings)}
    return (
        ArchitectureSettings(**{key: settings[key] for key in settings if key in shape}),
        TrainSettings(**{key: settings[key] for key in settings if key not in shape}),
    )


def read_documents(shards: list[str]) -> list[np.ndarray]:
    """Token ids (n_tokens,) int32 of all documents, in the order of the working set.

    That order does not depend on the number of shards, so neither does the model.
    """
    frames = [read_table(path, "corpus/shards", ["input_ids"]) for path in shards]
    return [np.asarray(ids, np.int32) for frame in frames for ids in frame["input_ids"]]


def main(snakemake: Any) -> None:
    """Train, resuming a killed run, and write the model."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    torch.set_num_threads(snakemake.threads)
    architecture, settings = split_settings(params.settings)
    documents = read_documents(list(source.shards))
    tokenizer = load_tokenizer(Path(source.tokenizer).parent)
    model = build_model(architecture, len(tokenizer), params.seed)
    logger.info(
        "%s parameters, %d documents, %s tokens, %d passes",
        f"{model.num_parameters():,}",
        len(documents),
        f"{sum(map(len, documents)):,}",
        settings.passes,
    )
    progress: Progress | None = None

    def report(step: int, steps_total: int, loss: float) -> None:
        nonlocal progress
        if progress is None:
            # The clock starts at the first report, so that a resumed run's rate is its own.
            progress = Progress(steps_total, "steps", interval=10)
            progress.skip(step)
        progress.advance(step - progress.done, f"loss {loss:.3f}")

    history = train(model, documents, settings, params.seed, Path(params.state), report)
    model.save_pretrained(Path(params.state) / "finished", safe_serialization=True)
    for name, target in (("config.json", output.config), ("model.safetensors", output.weights)):
        with atomic_path(target) as temporary:
            shutil.copyfile(Path(params.state) / "finished" / name, temporary)
    files = {Path(path).name: file_digest(path) for path in (output.config, output.weights)}
    write_json(output.history, history)
    write_json(output.record, model_record("trained", "", "", files))
    shutil.rmtree(params.state)


if __name__ == "__main__":
    run_job(main, snakemake)
