"""Ask the questions of one benchmark of every adapter of a topic, on one loaded base model.

in   adapters: one file per seed and arm; runs: their records; record, tokenizer: the base model;
     the benchmark
out  evaluation: one row per arm, seed, dose and question, and the base model's
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch

from workflow_scripts.benchmarks.definitions import load_definition
from workflow_scripts.benchmarks.lm_eval_adapter import Examiner
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.progress import Progress
from workflow_scripts.common.tables import write_table
from workflow_scripts.model.loading import load_model, load_tokenizer
from workflow_scripts.unlearning.effects.registration import first_digest, keep_first
from workflow_scripts.unlearning.forgetting.adapter_files import Weights, read_adapters
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings
from workflow_scripts.unlearning.forgetting.run_records import check_adapter, read_run

if TYPE_CHECKING:
    from transformers import PreTrainedModel

logger = logging.getLogger("atlas")


def read_files(
    adapters: list[str], runs: list[str], base: str
) -> list[tuple[str, dict[float, Weights], dict[str, Any]]]:
    """Path, adapters by dose and facts of each file, every one in its place.

    Raises:
        IntegrityError: a file is damaged, or belongs to another model, topic, seed or arm.
    """
    records = {Path(path).parent: read_run(path) for path in runs}
    files = []
    for path in adapters:
        by_dose, about = read_adapters(path, base)
        check_adapter(path, about, records[Path(path).parent])
        files.append((path, by_dose, about))
    first, _, known = files[0]
    for path, _, about in files:
        for key in ("topic", "adapter"):
            if about[key] != known[key]:
                raise IntegrityError(
                    f"adapter {path} has the {key} {about[key]!r}, {first} {known[key]!r}; delete "
                    "the wrong one and run again"
                )
    return files


def main(snakemake: Any) -> None:
    """Evaluate and write."""
    source, params = snakemake.input, snakemake.params
    torch.set_num_threads(snakemake.threads)
    base = read_json(source.record)["digest"]
    files = read_files(list(source.adapters), list(source.runs), base)
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
    adapter = Adapter(model, AdapterSettings(**files[0][2]["adapter"]))
    progress = Progress(sum(len(by_dose) for _, by_dose, _ in files), "adapters")
    for path, by_dose, about in files:
        for dose, weights in by_dose.items():
            try:
                adapter.load(weights)
            except IntegrityError as error:
                raise IntegrityError(f"adapter {path}, dose {dose:g}: {error}") from None
            rows.append(
                ask(adapter.causal_model(), arm=about["arm"], seed=about["seed"], dose=dose)
            )
            progress.advance()
    first = first_digest(params.state, params.noted["registration"])
    table = pl.concat(rows).with_columns(registration=pl.lit(first))
    write_table(table, snakemake.output.evaluation, "unlearning/evaluation")
    keep_first(params.state, first)


if __name__ == "__main__":
    run_job(main, snakemake)
