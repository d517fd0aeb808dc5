"""The options that a study was run with, kept beside its results so that others repeat them.

The name of a study's folder does not identify its config: it may be an overlay anywhere, or a value
given on the command line, as in a study of a matrix.
"""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from workflow_scripts.common.files import atomic_path


def note_options(results: str, files: Iterable[str | Path], values: Iterable[str]) -> None:
    """Keep them, as a shell takes them, in ``<results>/.state/options``.

    Args:
        results: folder of the study's results.
        files: what ``--configfile`` named.
        values: what ``--config`` named, ``key=value``.
    """
    options = []
    for flag, words in (("--configfile", map(_short, files)), ("--config", values)):
        named = list(words)
        options += [flag, *named] if named else []
    place = Path(results, ".state", "options")
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(place) as temporary:
        Path(temporary).write_text(shlex.join(options), encoding="utf-8")


def _short(path: str | Path) -> str:
    """A path below the current folder as it is named from there, others in full."""
    path = os.path.abspath(path)
    below = os.path.relpath(path)
    return path if below.startswith(os.pardir) else below


def report_command(folder: Path) -> str:
    """The command that writes the report of the study in this folder."""
    place = folder / ".state" / "options"
    options = "--configfile CONFIG-OF-THIS-STUDY"
    if place.exists():
        options = place.read_text(encoding="utf-8").strip()
    report = shlex.quote(str(folder / "report" / "report.html"))
    return " ".join(filter(None, ["snakemake", options, "--report", report]))
