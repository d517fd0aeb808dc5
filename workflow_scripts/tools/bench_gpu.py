"""Measure what a GPU makes of the passes of a study, in parts that are printed as they finish.

    python -m workflow_scripts.tools.bench_gpu [results/<study>] [--out FOLDER]

Each part runs in a process of its own with a bound on its time, so that a part which fails or
hangs costs itself alone; the whole takes eight minutes at most (on an H200 it took six and a
half). Models have random weights, which cost what trained ones cost. A finished study adds the
gate on a trained model, and its rows, sketch and question rows on the GPU against those of the
processor. ``--device cpu`` tries the parts at small shapes, also without Snakemake.

out  <FOLDER>/bench_gpu.jsonl: one row per measured number; <FOLDER>/bench_gpu.md: the same, a table
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.files import atomic_path

# Seconds that each part may take; on an H200 they took 10, 20, 196, 41, 64 and 50.
PARTS = {"card": 40, "study": 45, "passes": 220, "kernels": 60, "unlearning": 85, "numerics": 70}
# With less time left than this a part is not begun.
LEAST_SECONDS = 5
GPU = {"shape": "olmo3-7b", "step_shape": "olmo2-1b", "lengths": (2048, 4096)}
GPU |= {"tokens": (8192, 4096, 16384), "batches": 3, "repeats": 2, "scale": 1.0}
SMALL = {"shape": "demo", "step_shape": "demo", "lengths": (128,)}
SMALL |= {"tokens": (1024,), "batches": 2, "repeats": 1, "scale": 0.05}


def measure_part(part: str, settings: Mapping[str, Any], table: Path) -> None:
    """Run one part here: print each row and append it to ``table`` as it comes.

    Args:
        part: one of ``PARTS``.
        settings: those of ``gpu.rows.Options``.
        table: a file of one row a line.
    """
    from workflow_scripts.tools.gpu.rows import Options

    # Progress logged by the passes would appear between the rows.
    logging.getLogger("atlas").setLevel(logging.WARNING)
    module = import_module(f"workflow_scripts.tools.gpu.{part}")
    with table.open("a") as kept:
        for row in module.rows(Options(**settings)):
            sys.stdout.write(row.line() + "\n")
            sys.stdout.flush()
            kept.write(json.dumps(row.record()) + "\n")
            kept.flush()


def run_part(part: str, seconds: float, arguments: list[str]) -> str:
    """Run one part in a process of its own; what went wrong, or nothing."""
    command = [sys.executable, "-m", "workflow_scripts.tools.bench_gpu", "--part", part, *arguments]
    environment = os.environ | {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
    try:
        done = subprocess.run(command, timeout=seconds, check=False, env=environment)
    except subprocess.TimeoutExpired:
        return f"stopped after {seconds:.0f} s, its bound"
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    return f"ended with exit code {done.returncode}, see above" if done.returncode else ""


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as a table of a docs page."""
    lines = [
        "| part | setting | what | value | unit | note |",
        "| --- | --- | --- | ---: | --- | --- |",
    ]
    for row in rows:
        value = "" if row["value"] is None else f"{row['value']:,.4g}"
        cells = (row["part"], row["setting"], row["what"], value, row["unit"], row["note"])
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def read_rows(table: Path) -> list[dict[str, Any]]:
    """All rows that parts have written."""
    return [json.loads(line) for line in table.read_text().splitlines()]


def main() -> None:
    """Read the command line, run the parts and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, nargs="?", help="finished study, results/<study>")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder to write to")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--minutes", type=float, default=8.0, help="bound of the whole")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    table = arguments.out / "bench_gpu.jsonl"
    if arguments.part:
        sizes = GPU if arguments.device == "cuda" else SMALL
        settings = {"device": arguments.device, "study": arguments.study, **sizes}
        try:
            measure_part(arguments.part, settings, table)
        except AtlasError as error:
            sys.exit(f"bench_gpu: {error}")
    else:
        _refuse(arguments)
        measure_all(arguments, table)


def measure_all(arguments: argparse.Namespace, table: Path) -> None:
    """Run the parts one after the other and write the table; ends with 1 where one has failed."""
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        table.write_text("")
    except OSError as error:
        sys.exit(f"bench_gpu: --out {arguments.out} cannot be written to ({error.strerror})")
    end = time.monotonic() + 60 * arguments.minutes
    failed = [part for part in arguments.parts if not _part(part, end, arguments)]
    with atomic_path(arguments.out / "bench_gpu.md") as temporary:
        temporary.write_text(as_markdown(read_rows(table)))
    sys.stdout.write(f"written: {arguments.out / 'bench_gpu.md'}\n")
    if failed:
        sys.exit(f"bench_gpu: not complete: {', '.join(failed)}")


def _part(part: str, end: float, arguments: argparse.Namespace) -> bool:
    """Run one part within its bound and that of the whole, and say how it ended."""
    started = time.monotonic()
    passed = ["--device", arguments.device, "--out", str(arguments.out)]
    passed += [str(arguments.study)] if arguments.study else []
    bound = min(PARTS[part], end - started)
    enough = bound > LEAST_SECONDS
    wrong = run_part(part, bound, passed) if enough else "left out: no time was left"
    sys.stdout.write(f"-- {part}: {wrong or 'done'} ({time.monotonic() - started:.0f} s)\n")
    sys.stdout.flush()
    return not wrong


def _refuse(arguments: argparse.Namespace) -> None:
    """End with one line where nothing can be measured."""
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("bench_gpu: this machine shows no CUDA GPU; --device cpu tries it at small shapes")
    model = arguments.study and arguments.study / "model" / "model.json"
    if model and not model.is_file():
        sys.exit(f"bench_gpu: {arguments.study} holds no model/model.json; name a finished study")


if __name__ == "__main__":
    main()
