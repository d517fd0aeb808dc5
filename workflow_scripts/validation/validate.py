"""Hold what the checks of a study found to their bars; fail where one is missed.

in   the tables of the checks that the study can run, by their names
out  validation/verdict.parquet, by parameter: a rule without outputs runs whenever it is asked,
     and its table stays when a bar is missed
"""

import sys
from typing import Any

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.job import run_job
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.validation.verdict import failures, render, verdict_table


class VerdictError(AtlasError):
    """A check missed its bar."""


def main(snakemake: Any) -> None:
    """Gather, print, write and judge."""
    declared = {"shuffled": "influence/bin_influence"}
    tables = {
        name: read_table(path, declared.get(name, f"validation/{name}"))
        for name, path in snakemake.input.items()
    }
    verdict = verdict_table(tables)
    sys.stdout.write(render(verdict))
    sys.stdout.flush()
    write_table(verdict, snakemake.params.verdict, "validation/verdict")
    missed = failures(verdict)
    if missed:
        raise VerdictError(f"{len(missed)} of the checks missed their bar: {'; '.join(missed)}")


if __name__ == "__main__":
    run_job(main, snakemake)
