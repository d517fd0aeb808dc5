"""Train the study's model on its own working set, in one task or several.

in   shards: every tokenised shard; tokenizer, tokenizer_config
out  config, weights: the model in safetensors; record: model.json; history: loss by step
"""

import shutil
from pathlib import Path
from typing import Any

from workflow_scripts.common.files import atomic_path, file_digest, read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.model.loading import choose_arithmetic, model_record
from workflow_scripts.model.training.launch import launch
from workflow_scripts.model.training.process_group import Team
from workflow_scripts.model.training.train_task import Request, fulfil


def main(snakemake: Any) -> None:
    """Train, resuming a killed run, and write the model."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    settings = dict(params.settings)
    tasks = settings.pop("tasks", 1)
    # auto splits a model too large for one GPU; one that is trained here is not.
    device = "cpu" if params.get("device", "cpu") == "cpu" else "cuda"
    choose_arithmetic("float32", device)
    request = Request(
        shards=list(source.shards),
        tokenizer=str(Path(source.tokenizer).parent),
        settings=settings,
        seed=params.seed,
        state=str(params.state),
        device=device,
        threads=max(1, snakemake.threads // tasks),
    )
    if tasks == 1:
        fulfil(request, Team(device=device))
    else:
        nodes = snakemake.resources.get("nodes", 1)
        words = [str(request.write())]
        launch("workflow_scripts.model.training.train_task", words, tasks, nodes, request.threads)
    for name, target in (("config.json", output.config), ("model.safetensors", output.weights)):
        with atomic_path(target) as temporary:
            shutil.copyfile(request.finished / name, temporary)
    files = {Path(path).name: file_digest(path) for path in (output.config, output.weights)}
    write_json(output.history, read_json(request.finished / "history.json"))
    write_json(output.record, model_record("trained", "", "", files))
    shutil.rmtree(params.state)


if __name__ == "__main__":
    run_job(main, snakemake)
