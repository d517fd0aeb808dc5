"""Print the plan of the study and write it down; refuse one that does not fit the machine.

in   nothing: the plan is made from the config
out  <results>/preflight/plan.json, by parameter: a rule without outputs runs whenever it is asked
"""

import sys
from typing import Any

from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.preflight.check_fit import check_fit
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import as_json, make_plan
from workflow_scripts.preflight.plan_table import render


def main(snakemake: Any) -> None:
    """Make, print, write and check the plan."""
    plan = make_plan(sizes_of(snakemake.params.config))
    sys.stdout.write(render(plan))
    sys.stdout.flush()
    write_json(snakemake.params.plan, as_json(plan))
    check_fit(plan)


if __name__ == "__main__":
    run_job(main, snakemake)
