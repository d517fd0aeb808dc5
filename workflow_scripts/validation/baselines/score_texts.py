"""Map the benchmarks by what needs no gradient, and look for the questions in the documents.

in   shards: documents, folds and lengths; documents: their text, by part; queries: of every
     benchmark; summary: documents and sites per bin; where a scorer needs them: sketches (losses),
     the model's record and tokenizer, or the files of another encoder
out  a map per scorer, in the columns of influence/bin_influence; leakage: per bin what was
     found of the questions, hits: which questions and documents
"""

import logging
from typing import Any

from workflow_scripts.common.job import run_job
from workflow_scripts.influence.bins.composition import read_makeup
from workflow_scripts.validation.baselines.text_maps import all_maps, search_questions
from workflow_scripts.validation.baselines.working_set import read_working_set
from workflow_scripts.validation.maps.scorer_maps import write_maps

logger = logging.getLogger("atlas")


def main(snakemake: Any) -> None:
    """Score, search and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    makeup = read_makeup(source.summary)
    maps = all_maps(read_working_set(source.shards), source, params)
    for scorer in params.scorers:
        logger.info("map by %s", scorer)
        of_benchmarks = zip(params.benchmarks, maps.pop(scorer), strict=True)
        path = getattr(output, scorer)
        write_maps(path, of_benchmarks, makeup)
    if params.ngram:
        search_questions(source, output, params)


if __name__ == "__main__":
    run_job(main, snakemake)
