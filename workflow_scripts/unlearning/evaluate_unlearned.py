"""Ask the questions of one benchmark of every adapter of a topic, on one loaded base model.

in   adapters: one file per seed and arm; record, tokenizer: the base model; the benchmark
out  evaluation: one row per arm, seed, dose and question, and the base model's
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch

from workflow_scripts.benchmarks.definitions import load_definition
from workflow_scripts.benchmarks.lm_eval_adapter import Examiner
from workflow_scripts.common.files import read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import write_table
from workflow_scripts.model.loading import load_model, load_tokenizer
from workflow_scripts.unlearning.adapter_files import read_adapters
from workflow_scripts.unlearning.peft_adapter import Adapter, AdapterSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Evaluate and write."""
    source, params = snakemake.input, snakemake.params
    torch.set_num_threads(snakemake.threads)
    base = read_json(source.record)["digest"]
    files = [read_adapters(path, base) for path in source.adapters]
    model = load_model(source.record, params.precision, params.device)
    tokenizer = load_tokenizer(Path(source.tokenizer).parent)
    definition = load_definition(params.evaluated)
    # <results>/corpus/tokenizer/tokenizer.json
    results = Path(source.tokenizer).parents[2]
    examiner = Examiner(definition, str(results), params.data)

    def ask(asked: "PreTrainedModel", **key: Any) -> pl.DataFrame:
        answers = examiner.ask(asked, tokenizer, progress=False).answers
        labels = {name: pl.lit(pl.Series([value])).first() for name, value in key.items()}
        return answers.select("query_id", "correct", "margin").with_columns(**labels)

    rows = [ask(model, arm="base", seed=0, dose=0.0)]
    adapter = Adapter(model, AdapterSettings(**files[0][1]["adapter"]))
    progress = Progress(sum(len(by_dose) for by_dose, _ in files), "adapters")
    for by_dose, about in files:
        for dose, weights in by_dose.items():
            adapter.load(weights)
            rows.append(
                ask(adapter.causal_model(), arm=about["arm"], seed=about["seed"], dose=dose)
            )
            progress.advance()
    write_table(pl.concat(rows), snakemake.output.evaluation, "unlearning/evaluation")


if __name__ == "__main__":
    run_job(main, snakemake)
