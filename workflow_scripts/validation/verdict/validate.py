"""Hold what the checks of a study found to their bars; fail where one is missed.

in   the tables of the checks that the study can run, by their names; scores: the documents' own,
     where rows are kept
out  validation/verdict.parquet, by parameter: a rule without outputs runs whenever it is asked,
     and its table stays when a bar is missed. Also by parameter lds, the scores of the retraining,
     which is no part of the study and is judged where it was run on this map
"""

import sys
from typing import Any

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.validation.maps.scorer_maps import read_map
from workflow_scripts.validation.verdict.applicable import absent_checks, why_no_retraining
from workflow_scripts.validation.verdict.exactness import compare_with_documents
from workflow_scripts.validation.verdict.verdict import failures, render, verdict_table
from workflow_scripts.validation.verdict.verdict_checks import Findings, all_lines

DECLARED = {
    "map": "influence/bin_influence",
    "reliability": "influence/reliability",
    "truth": "corpus/truth",
}


class VerdictError(AtlasError):
    """A check missed its bar."""


def find(source: Any, params: Any) -> Findings:
    """Read the findings of the study, with the reason for each one that is missing."""
    tables = {
        name: read_table(path, DECLARED.get(name, f"validation/{name}"))
        for name, path in source.items()
        if name not in ("scores", "shuffled")
    }
    if source.get("shuffled"):
        tables["shuffled"] = read_map(source.shuffled, params.multiplicity)
    if source.get("scores"):
        scores = dict(zip(params.benchmarks, source.scores, strict=True))
        tables["bin_scores"] = compare_with_documents(tables["map"], scores)
    absent = absent_checks(bool(params.planted), params.checks, params.rows)
    if reason := why_no_retraining(params.lds, source.map):
        absent["lds"] = reason
    else:
        tables["lds"] = read_table(params.lds, "validation/lds")
    return Findings(tables, absent, params.row_dtype, bool(params.planted), params.hard)


def main(snakemake: Any) -> None:
    """Gather, print, write and judge."""
    verdict = verdict_table(all_lines(find(snakemake.input, snakemake.params)))
    sys.stdout.write(render(verdict))
    sys.stdout.flush()
    write_table(verdict, snakemake.params.verdict, "validation/verdict")
    missed = failures(verdict)
    if missed:
        raise VerdictError(f"{len(missed)} of the checks missed their bar: {'; '.join(missed)}")


if __name__ == "__main__":
    run_job(main, snakemake)
