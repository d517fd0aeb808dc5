"""Print the name of a config's study.

    python -m workflow_scripts.common.config.study_name --configfile F

The folder of its results is called so; the Makefile asks where it is given a config alone.
"""

import argparse
import sys

from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import AtlasError


def main(arguments: list[str] | None = None) -> int:
    """Print it; 1 on a clear error."""
    parser = argparse.ArgumentParser(description="The name of a config's study.")
    parser.add_argument("--configfile", default=None, help="overlay of config.yaml")
    try:
        sys.stdout.write(load_study(parser.parse_args(arguments).configfile)["study"] + "\n")
    except AtlasError as error:
        sys.stderr.write(f"config error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
