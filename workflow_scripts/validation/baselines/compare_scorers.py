"""Compare every scorer's map with the study's own, and with the planted truth where there is one.

in   trackstar, reliability: the study's map and its reliability; scorers: the maps of the baselines
     and controls, in the order of params.scorers; where there is one, truth: the role and dose of
     every bin; where the questions were looked for, hits: what was found, with resampling and
     order (means and ids of the questions of every benchmark) and, where rows are kept, scores of
     the documents
out  explained: one row per benchmark and scorer; planted: the same; leakage_maps: the map
     with and without the questions, and the documents, that were found
"""

import logging
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.influence.uncertainty import resampling
from workflow_scripts.validation.baselines.explained import explained_table
from workflow_scripts.validation.baselines.planted_truth import compare_with_truth
from workflow_scripts.validation.contamination import leakage
from workflow_scripts.validation.maps.scorer_maps import read_map
from workflow_scripts.validation.scorers import STUDY

logger = logging.getLogger("atlas")

COLUMNS = ["benchmark", "topic", "format", "influence", "q_unusual"]


def compare_planted(source: Any, maps: dict[str, pl.DataFrame], confidence: float) -> pl.DataFrame:
    """Every scorer against the truth."""
    truth = read_table(source.truth, "corpus/truth")
    planted = compare_with_truth(truth, maps, confidence)
    if planted.is_empty():
        raise DataError(
            f"{source.truth} and {source.trackstar} have no benchmark in common; list at least "
            "one planted benchmark under the config key 'benchmarks'"
        )
    for row in planted.filter(scorer=STUDY).iter_rows(named=True):
        logger.info(
            "%s: support AUROC %.3f, against contradiction %s",
            row["benchmark"],
            row["auroc_support"] or float("nan"),
            row["auroc_support_vs_contradiction"],
        )
    return planted


def leakage_maps(source: Any, benchmarks: list[str]) -> pl.DataFrame:
    """The map of every benchmark with and without what was hit."""
    hits, frames = read_table(source.hits, "validation/leakage_hits"), []
    for number, benchmark in enumerate(benchmarks):
        found = hits.filter(benchmark=benchmark)
        questions, documents = (found.filter(kind=kind)["id"] for kind in ("question", "document"))
        own = resampling.load(source.resampling[number])
        hit = np.isin(read_json(source.order[number])["query_ids"], questions.to_list())
        left = {"questions": leakage.without_questions(own.query_means, hit)}
        if source.get("scores"):
            columns = ["doc_id", "topic", "format", "score"]
            scores = read_table(source.scores[number], "attribution/scores", columns)
            left["documents"] = leakage.without_documents(scores, documents)
        counts = {"questions": len(questions), "documents": len(documents)}
        frames += [
            leakage.map_pair(benchmark, removed, counts[removed], own.influence, rest)
            for removed, rest in left.items()
        ]
    return pl.concat(frames)


def main(snakemake: Any) -> None:
    """Read the maps, compare them and write."""
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    paths = dict(zip(params.scorers, source.scorers, strict=True))
    maps = {name: read_map(path, params.multiplicity) for name, path in paths.items()}
    own = read_table(source.trackstar, "influence/bin_influence", COLUMNS)
    reliability = read_table(source.reliability, "influence/reliability")
    explained = explained_table(
        own, maps, params.confidence, params.bootstraps, params.seed, reliability
    )
    write_table(explained, output.explained, "validation/explained")
    if output.get("planted"):
        planted = compare_planted(source, {STUDY: own, **maps}, params.confidence)
        write_table(planted, output.planted, "validation/planted")
    if output.get("leakage_maps"):
        write_table(
            leakage_maps(source, params.benchmarks), output.leakage_maps, "validation/leakage_maps"
        )


if __name__ == "__main__":
    run_job(main, snakemake)
