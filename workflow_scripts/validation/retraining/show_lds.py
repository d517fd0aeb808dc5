"""Print the linear datamodeling scores of a study with their ceilings.

python -m workflow_scripts.validation.retraining.show_lds results/lds
python -m workflow_scripts.validation.retraining.show_lds --configfile configs/lds.yaml
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.tables import read_table


def render(table: pl.DataFrame, measure: str = "margin") -> list[str]:
    """The table ``validation/lds`` as lines of text, one a scorer, a column an output.

    Args:
        table: the table ``validation/lds``.
        measure: ``margin`` or ``accuracy``.
    """
    rows = table.filter(measure=measure, sum="influence")
    outputs = rows["output"].unique(maintain_order=True).to_list()
    cells = {(row["scorer"], row["output"]): row for row in rows.iter_rows(named=True)}
    by_output = {row["output"]: row for row in rows.iter_rows(named=True)}
    some = rows.row(0, named=True)
    lines = [
        f"Linear datamodeling score of the {measure} over {some['n_halves']} random halves of the "
        f"bins, mean of {some['n_seeds']} training seeds (interval)",
        _line("", outputs),
        _line("seed ceiling", [_cell(by_output[name], "ceiling") for name in outputs]),
    ]
    scorers = rows.group_by("scorer").agg(pl.col("lds").mean()).sort("lds", descending=True)
    for scorer in scorers["scorer"]:
        lines.append(_line(scorer, [_cell(cells.get((scorer, name)), "lds") for name in outputs]))
    return lines


def _line(first: str, rest: list[str]) -> str:
    return f"{first:<13}" + "".join(f"{text:>24}" for text in rest)


def _cell(row: Mapping[str, Any] | None, column: str) -> str:
    """``0.71 (0.55 to 0.82)``, or ``n/a``."""
    if row is None or row[column] is None:
        return "n/a"
    low, high = ("ci_low", "ci_high") if column == "lds" else ("ceiling_low", "ceiling_high")
    text = f"{row[column]:.2f}"
    return text if row[low] is None else f"{text} ({row[low]:.2f} to {row[high]:.2f})"


def main() -> None:
    """Print the scores of the study in the folder named, or of the config named."""
    parser = argparse.ArgumentParser(description="Scores of a study's retraining.")
    parser.add_argument("results", type=Path, nargs="?", help="results folder of a study")
    parser.add_argument("--configfile", default=None, help="overlay of config.yaml")
    arguments = parser.parse_args()
    if bool(arguments.results) == bool(arguments.configfile):
        sys.exit("show_lds: name the results folder of a study, such as results/lds, or its config")
    try:
        folder = arguments.results or Path("results", load_study(arguments.configfile)["study"])
    except AtlasError as error:
        sys.exit(f"show_lds: {error}")
    path = folder / "validation" / "lds.parquet"
    if not path.is_file():
        sys.exit(f"show_lds: {path} does not exist; run make lds first or name its results folder")
    try:
        table = read_table(path, "validation/lds")
    except AtlasError as error:
        sys.exit(f"show_lds: {error}")
    for measure in ("margin", "accuracy"):
        sys.stdout.write("\n".join(render(table, measure)) + "\n\n")


if __name__ == "__main__":
    main()
