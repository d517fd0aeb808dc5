"""Paths and files that a person names: which names the workflow can carry, and times to come.

Checked while a study is planned, so nothing heavy is imported.
"""

import os
import re
import shlex
import time
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from workflow_scripts.common.errors import ConfigError

# Config keys that hold a path, or a list of paths, patterns or models with a path.
PATHS = (
    "data",
    "corpus.files.documents",
    "corpus.dolma.documents",
    "corpus.hub.listing",
    "corpus.annotate.topic_model",
    "corpus.annotate.format_model",
    "model.pretrained.path",
    "model.siblings",
    "model.query.path",
    "influence.matrix",
    "influence.topic_weights",
    "validation.embedding.path",
)
# Line ends and other control characters, and bytes that are no UTF-8.
UNWRITABLE = ("Cc", "Zl", "Zp", "Cs")
# Characters that a shell interprets.
TAKEN_APART = re.compile(r"""[\s'"\\$`&|;<>()]""")
# Clocks of a machine and of its file server differ a little.
SECONDS_AHEAD = 5


def path_problem(path: str) -> str | None:
    """Say why the workflow cannot carry a path, or None where it can."""
    if "{" in path or "}" in path:
        return "has braces, which stand for wildcards in Snakemake"
    odd = next((c for c in path if unicodedata.category(c) in UNWRITABLE), None)
    return None if odd is None else f"has the character {odd!r}, which is no part of a line of text"


def check_paths(config: Mapping[str, Any]) -> None:
    """Check every path in the configuration.

    Raises:
        ConfigError: names the key, the path and the way out.
    """
    for key in PATHS:
        value: Any = config
        for name in key.split("."):
            value = value[name]
        for each in [value] if isinstance(value, str) else value:
            path = each["path"] if isinstance(each, Mapping) else each
            if problem := path_problem(path):
                raise ConfigError(_refusal(f"config key {key!r} is {path!r}", problem))
            if path.startswith("~"):
                raise ConfigError(
                    f"config key {key!r} is {path!r}; '~' is not replaced here: write the folder "
                    f"out, {os.path.expanduser(path)!r}"
                )


def check_files(files: Iterable[str], now: float | None = None) -> None:
    """Check the names and times of files that the study reads.

    Args:
        files: paths; those that are not there are passed over.
        now: seconds since the epoch; None takes the clock, and nan checks no time.

    Raises:
        ConfigError: a name cannot be carried, or a file is of a time to come, which Snakemake
            would take for a file that was changed after what is made from it.
    """
    now = time.time() if now is None else now
    for file in dict.fromkeys(files):
        if problem := path_problem(file):
            raise ConfigError(_refusal(f"the file {file!r}", problem))
        try:
            changed = os.stat(file).st_mtime
        except OSError:
            continue
        if changed > now + SECONDS_AHEAD:
            raise ConfigError(
                f"the file {file!r} is dated {_shown(changed)}, but the clock says {_shown(now)}; "
                "nothing can be made from a file of the future: set this machine's clock, or run "
                f"touch {shlex.quote(file)}"
            )


def check_folders(*folders: str) -> None:
    """Check the folders where the project lies and where its results go.

    Raises:
        ConfigError: names the folder and why the workflow cannot be run there.
    """
    for folder in folders:
        if problem := path_problem(folder):
            raise ConfigError(f"the folder {folder!r} {problem}; move the project to another one")


def check_python(path: str) -> None:
    """Check that Snakemake can start its scripts: it hands this path to a shell as it is.

    Raises:
        ConfigError: the path has blanks, quotes or other characters that a shell takes apart.
    """
    if TAKEN_APART.search(path):
        raise ConfigError(
            f"Python lies at {path!r}, from where Snakemake cannot start it (it does not quote the "
            "path); move the project, or its environment, to a folder without blanks and quotes"
        )


def _refusal(what: str, problem: str) -> str:
    return f"{what}, which {problem}; rename it, or name a link to it (ln -s) that has another name"


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
