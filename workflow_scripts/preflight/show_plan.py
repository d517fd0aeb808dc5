"""Print what a study will cost, from its config alone, and refuse what does not fit.

    python -m workflow_scripts.preflight.show_plan --configfile configs/x.yaml

Needs none of the study's files: it is made before the corpus is there.
"""

import argparse
import sys
from pathlib import Path

from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.files import write_json
from workflow_scripts.preflight.check_fit import check_fit
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import as_json, make_plan
from workflow_scripts.preflight.plan_table import render


def main() -> None:
    """Read the command line, print the plan, and fail with one line where it cannot run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", default=None, help="overlay of config.yaml")
    parser.add_argument("--json", type=Path, default=None, help="also write the plan here")
    arguments = parser.parse_args()
    try:
        plan = make_plan(sizes_of(load_study(arguments.configfile)))
        sys.stdout.write(render(plan))
        if arguments.json:
            write_json(arguments.json, as_json(plan))
        check_fit(plan)
    except AtlasError as error:
        sys.stderr.write(f"plan error: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
