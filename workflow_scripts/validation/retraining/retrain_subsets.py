"""Train small models on random halves of the bins and ask them every benchmark.

One job trains a few halves with every seed, since starting one costs as much as a short
training. A killed job goes on where it was.

in   shards: every tokenised shard; tokenizer; queries: the tokens of every benchmark's questions
out  outputs: what each model can do, a row per half, seed and benchmark; halves: which bins are in
     each half
"""

import logging
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import torch

from workflow_scripts.benchmarks.choice_margins import Questions
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.model.loading import choose_arithmetic, load_tokenizer
from workflow_scripts.model.training.train_task import split_settings
from workflow_scripts.validation.retraining.random_halves import halves_of
from workflow_scripts.validation.retraining.train_half import Recipe, documents_of, outcome

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Train every half of the group with every seed and write what came of it."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    torch.set_num_threads(snakemake.threads)
    device = "cpu" if params.device == "cpu" else "cuda"
    choose_arithmetic("float32", device)
    questions = {
        name: Questions(read_table(path, "benchmarks/queries"), params.metrics[name])
        for name, path in zip(params.benchmarks, source.queries, strict=True)
    }
    vocabulary = len(load_tokenizer(Path(source.tokenizer).parent))
    shape, settings = split_settings(params.settings)
    recipe = Recipe(shape, settings, vocabulary, questions, params.tokens_per_batch, device)
    columns = ["topic", "format", "input_ids"]
    corpus = pl.concat([read_table(path, "corpus/shards", columns) for path in source.shards])
    first = int(snakemake.wildcards.group.removeprefix("g")) * params.per_job
    halves = halves_of(corpus, range(first, first + params.per_job), params.seed_halves)
    progress = Progress(params.per_job * len(params.seeds), "models trained", interval=1)
    rows = []
    for (number,), bins in halves.group_by("half", maintain_order=True):
        documents = documents_of(corpus, bins)
        for seed in params.seeds:
            found = outcome(recipe, documents, seed, Path(params.state) / f"{number}-{seed}")
            about = {"half": number, "seed": seed, "loss": found["loss"]}
            about |= {"n_docs": len(documents), "n_tokens": sum(map(len, documents))}
            rows += [{**about, "benchmark": b, **row} for b, row in found["benchmarks"].items()]
            progress.advance()
    write_table(pl.DataFrame(rows), output.outputs, "validation/retraining_outputs")
    write_table(halves, output.halves, "validation/retraining_halves")
    shutil.rmtree(params.state)


if __name__ == "__main__":
    run_job(main, snakemake)
