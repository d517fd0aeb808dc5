"""Build benchmarks as their jobs will, and report the problem of each in one line.

For the check before a run, of tasks whose questions are made by Python functions.
"""

import argparse
import sys
from pathlib import Path

from workflow_scripts.benchmarks.definitions import FOLDER, load_definition
from workflow_scripts.common.errors import AtlasError


def main() -> None:
    """Build each named benchmark; fail with one line at the first that is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="benchmarks")
    parser.add_argument("--results", required=True, help="the study's results folder")
    parser.add_argument("--data", required=True, help="config key data")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the definitions")
    arguments = parser.parse_args()
    from workflow_scripts.benchmarks.lm_eval_adapter import Examiner

    try:
        for name in arguments.names:
            definition = load_definition(name, arguments.folder)
            Examiner(definition, arguments.results, arguments.data)
    except AtlasError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
