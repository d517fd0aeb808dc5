"""The commands that the pages show, and what can be said of one without running it.

The Makefile's help is a page too: it names the variables that a target takes, and each target is
shown by it without and with them. So are the comments of the configs.
"""

import argparse
import contextlib
import io
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.workflow.clone import ROOT

CONFIGS = tuple(sorted((ROOT / "configs").glob("*.yaml")))
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
SHELLS = ("sh", "bash", "shell", "console")
# Programs of a Slurm site or for containers, and the file that calls each as the page does.
SITE = {
    "apptainer": ("envs/apptainer.def", "apptainer run atlas.sif"),
    "docker": ("envs/Dockerfile", "docker run --rm"),
    "scancel": ("tests/slurm/test_faults.py", "scancel --name"),
    "sinfo": ("tests/slurm/conftest.py", "lab"),
    "squeue": ("tests/slurm/test_faults.py", "squeue"),
}


class Wrong(Exception):
    """Problem with a command, in words."""


@dataclass(frozen=True)
class Command:
    """One command of one page."""

    page: str
    text: str

    @property
    def words(self):
        return shlex.split(re.sub(r"<[^>]*>", "some", self.text), comments=True)

    def __str__(self):
        return f"{self.page}: {self.text}"


def commands_of(page, text):
    """Commands of a page: lines of shell blocks, prompts in other blocks, and code in the text."""
    found, language = [], None
    lines = iter(text.splitlines())
    for line in lines:
        fence = re.match(r"\s*```(\w*)", line)
        if fence:
            language = None if language is not None else fence[1]
            continue
        if language is None:
            found += re.findall(r"`((?:make|snakemake|python -m) [^`]+)`", line)
        elif language in SHELLS or line.startswith("$ "):
            while line.endswith("\\"):
                line = line[:-1] + next(lines)
            found.append(line.removeprefix("$ "))
    cleaned = (re.sub(r"\s+", " ", re.sub(r"\s#.*", "", line)).strip() for line in found)
    return [Command(page, line) for line in cleaned if line and not line.startswith("#")]


# They say what they lack.
INCOMPLETE = ("make matrix", "make check-benchmark")


def commands_of_help(text):
    """The targets that make help lists, each without and with every set of variables it names."""
    found = []
    for target, about in re.findall(r"^([a-z-]+):.*## (.*)$", text, re.MULTILINE):
        sets = [" ".join(each) for each in _variables(about)]
        found += [Command("Makefile", f"make {target} {each}".strip()) for each in ("", *sets)]
    return [each for each in found if each.text not in INCOMPLETE]


def _variables(about):
    """Sets of variables in the help of a target: ``FILE=f STUDY=x``, ``STUDY=x or CONFIG=f``."""
    inside = re.search(r"\((.*)\)$", about)
    for part in re.split(" or ", inside[1]) if inside else ():
        words = re.findall(r"[A-Z]+=\S+", part)
        yield from (words[: count + 1] for count in range(len(words)))


def commands_of_config(name, text):
    """Commands in the comments of a config: lines that are set off."""
    shown = re.findall(r"^#   ((?:make|snakemake) .*)$", text, re.MULTILINE)
    return [Command(name, line.strip()) for line in shown]


def all_commands():
    """Every command of every page once, in order."""
    shown = [
        each
        for page in PAGES
        for each in commands_of(page.relative_to(ROOT).as_posix(), page.read_text())
    ]
    shown += commands_of_help((ROOT / "Makefile").read_text())
    for page in CONFIGS:
        shown += commands_of_config(page.relative_to(ROOT).as_posix(), page.read_text())
    return list(dict.fromkeys(shown))


def form_of(words):
    """A make command by its target and the variables it sets: ``make report STUDY``."""
    targets = [word for word in words[1:] if "=" not in word]
    return " ".join(["make", *targets, *(w.partition("=")[0] for w in words[1:] if "=" in w)])


def check(words, folder):
    """Look at one command's words: programs, targets, options and files must exist in ``folder``.

    Raises:
        Wrong: says what does not exist; or that nothing here knows the program.
    """
    kinds = {"make": check_make, "snakemake": check_snakemake, "python": check_python}
    if words[0] in SITE:
        test, text = SITE[words[0]]
        if text not in (ROOT / test).read_text():
            raise Wrong(f"{test} no longer has {text!r}")
    elif words[0] in kinds:
        kinds[words[0]](words[1:], folder)
    else:
        raise Wrong("no rule of this test knows it")


def check_make(words, folder):
    """Targets and variables of the Makefile; and what the recipes would call."""
    rules = (folder / "Makefile").read_text()
    variables, targets = [each for each in words if "=" in each], []
    for name, _, value in (each.partition("=") for each in variables):
        if not re.search(rf"\$\((?:value )?{name}\)", rules):
            raise Wrong(f"the Makefile has no variable {name}")
        if value.endswith(".yaml") and not (folder / value).exists():
            raise Wrong(f"there is no {value}")
    targets = [each for each in words if "=" not in each]
    for target in targets:
        if not re.search(rf"^{re.escape(target)}:.*##", rules, re.MULTILINE):
            raise Wrong(f"the Makefile has no target {target}")
    for recipe in recipes(words, folder):
        check(recipe, folder)


def recipes(words, folder):
    """Calls of Snakemake and of the project's modules that ``make`` would run, as words."""
    done = make("-n", *words, folder=folder)
    if done.returncode:
        raise Wrong(f"make -n ends with {done.stderr.strip()}")
    # The shell alone knows the study of a matrix, which a test has named so.
    lines = done.stdout.replace("$study", "matrix").splitlines()
    parts = (part for line in lines for part in re.split(r" (?:>|\|+|&&|\)) ", line))
    calls = (re.search(r"bin/((?:snakemake|python) .*)", part) for part in parts)
    words_of = [shlex.split(call[1]) for call in calls if call]
    # A make within make does not know that the packages are there, and would install them.
    modules = [call for call in words_of if call[1:2] == ["-m"] and call[2] != "pip"]
    return [call for call in words_of if call[0] == "snakemake"] + modules


def make(*words, folder):
    """Run make with the packages that run this test."""
    installed = [f"{sys.prefix}/.installed", f"{sys.prefix}/.installed-dev"]
    old = [word for path in installed for word in ("-o", path)]
    return subprocess.run(
        ["make", "--no-print-directory", f"VENV={sys.prefix}", *old, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def check_snakemake(words, folder):
    """Options as Snakemake reads them; config files, profile and targets that are there."""
    from snakemake.cli import parse_args

    said = io.StringIO()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stderr(said):
            options = parse_args(words)[1]
    except (SystemExit, argparse.ArgumentTypeError) as error:
        last = (said.getvalue().strip().splitlines() or [str(error)])[-1]
        raise Wrong(f"Snakemake does not take it: {last}") from None
    for path in options.configfile or []:
        if not (folder / path).exists():
            raise Wrong(f"there is no config file {path}")
    rules = "\n".join(path.read_text() for path in (folder / "rules").glob("*.smk"))
    for target in options.targets:
        if not re.search(rf"^\s*rule {re.escape(target)}:", rules, re.MULTILINE):
            raise Wrong(f"there is no rule {target}")


def check_python(words, folder):
    """A module of the project, and options that it declares."""
    if words[:1] != ["-m"] or not words[1].startswith("workflow_scripts."):
        raise Wrong("no rule of this test knows it")
    path = folder / Path(*words[1].split(".")).with_suffix(".py")
    if not path.exists():
        raise Wrong(f"there is no module {words[1]}")
    for option in (word for word in words[2:] if re.match("--.", word)):
        if f'"{option}"' not in path.read_text():
            raise Wrong(f"{words[1]} has no option {option}")
    for place, word in enumerate(words):
        if word == "--configfile" and not (folder / words[place + 1]).exists():
            raise Wrong(f"there is no config file {words[place + 1]}")


def dry_words(words):
    """The same Snakemake command as a dry-run; commands that plan the same become the same."""
    kept, skip = [], 0
    for word in words[1:]:
        if skip:
            skip -= 1
        elif word in ("--cores", "--report", "-q"):
            skip = 1
        elif word not in ("-n", "--dry-run"):
            kept.append(word)
    return ("--dry-run", *kept)
