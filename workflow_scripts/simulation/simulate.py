"""Coverage, false discovery and power of the bin statistics, by simulation.

    python -m workflow_scripts.simulation.simulate

writes the tables (csv) and figures (png) of docs/simulation/; docs/statistics.md explains them. The
same seed gives the same tables. Worlds that can break the statistics are in worlds.csv; those
whose rows are there are not simulated again without ``--again``, and ``--worlds NAME,...``
simulates some and nothing else, ``--maps N`` from so many maps. ``--quick`` simulates little, for
a test. Two tables come from a finished planted study instead: ``--law STUDY`` writes the law of its
document scores, ``--study STUDY`` what the statistics find in its documents as drawn, redrawn
and shuffled over bins.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl

from workflow_scripts.common.files import atomic_path
from workflow_scripts.simulation.figures import draw_figures
from workflow_scripts.simulation.planted_study import study_table
from workflow_scripts.simulation.score_law import TABLE, law_of_study
from workflow_scripts.simulation.tables import (
    QUICK,
    Size,
    coverage_table,
    discovery_tables,
)
from workflow_scripts.simulation.world_figure import draw_worlds
from workflow_scripts.simulation.world_table import chosen, simulate_worlds

BENCHMARKS = ("social_reasoning", "social_knowledge", "stem_reasoning", "stem_knowledge")


def say(line: str) -> None:
    """Print to the terminal."""
    sys.stdout.write(f"{line}\n")


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    """Write with four digits after the point, atomically."""
    with atomic_path(path) as temporary:
        frame.write_csv(temporary, float_precision=4)
    say(f"{path}: {frame.height} rows")


def simulate_all(folder: Path, size: Size) -> None:
    """Write the tables of one kind of map each, and their figures, to ``folder``."""
    write_csv(coverage_table(size), folder / "coverage.csv")
    false, power, by_role = discovery_tables(size)
    write_csv(false, folder / "false_discovery.csv")
    write_csv(power, folder / "power.csv")
    write_csv(by_role, folder / "coverage_by_role.csv")
    draw_figures(folder)


def main() -> None:
    """Read the arguments and simulate, or look at a study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TABLE.parent, help="folder to write to")
    parser.add_argument("--quick", action="store_true", help="simulate little")
    parser.add_argument("--law", type=Path, metavar="STUDY", help="results of a planted study")
    parser.add_argument("--study", type=Path, metavar="STUDY", help="results of a planted study")
    parser.add_argument("--worlds", default="", metavar="NAME,...", help="these worlds alone")
    parser.add_argument("--maps", type=int, metavar="N", help="maps behind each rate, not 200")
    parser.add_argument("--again", action="store_true", help="also worlds whose rows are there")
    arguments = parser.parse_args()
    try:
        worlds = chosen(filter(None, arguments.worlds.split(",")))
    except ValueError as error:
        parser.error(str(error))
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.law:
        write_csv(law_of_study(arguments.law, BENCHMARKS), arguments.out / TABLE.name)
    elif arguments.study:
        write_csv(study_table(arguments.study, BENCHMARKS), arguments.out / "study.csv")
    else:
        started, size = time.monotonic(), QUICK if arguments.quick else Size()
        if arguments.maps:
            size = replace(size, maps=arguments.maps, pairs=arguments.maps)
        if not arguments.worlds:
            simulate_all(arguments.out, size)
        table = arguments.out / "worlds.csv"
        simulate_worlds(table, size, worlds, say, arguments.again)
        draw_worlds(arguments.out)
        say(f"simulated in {time.monotonic() - started:,.0f} s")


if __name__ == "__main__":
    main()
