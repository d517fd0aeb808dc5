"""Ask the base model the questions of one benchmark.

in   the benchmark's definition with its data files, model.json, the tokenizer
out  queries.parquet (what was asked, with the tokens scored), answers.parquet (log-likelihoods,
     right or wrong, margin), results.json (accuracy and chance level)
"""

import logging
from pathlib import Path
from typing import Any

from workflow_scripts.benchmarks.definitions import load_definition
from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import write_table

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Write the queries, answers and summary of a benchmark."""
    import torch

    from workflow_scripts.benchmarks.lm_eval_adapter import Examiner
    from workflow_scripts.model.loading import load_model, load_tokenizer

    params = snakemake.params
    torch.set_num_threads(snakemake.threads)
    definition = load_definition(params.definition)
    model = load_model(snakemake.input.model, params.precision, params.device)
    tokenizer = load_tokenizer(Path(snakemake.input.tokenizer).parent)
    # <results>/benchmarks/{benchmark}/queries.parquet
    results = Path(snakemake.output.queries).parents[2]
    answers = Examiner(definition, str(results), params.data).ask(model, tokenizer)
    write_table(answers.queries, snakemake.output.queries, "benchmarks/queries")
    write_table(answers.answers, snakemake.output.answers, "benchmarks/answers")
    write_json(snakemake.output.results, answers.summary)
    summary = answers.summary
    logger.info(
        "%s: accuracy %.3f on %d questions (chance %.3f)",
        definition.title,
        summary["accuracy"],
        summary["n_questions"],
        summary["chance"],
    )


if __name__ == "__main__":
    run_job(main, snakemake)
