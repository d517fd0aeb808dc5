"""A copy of the project in a folder of its own, where tests run Snakemake and edit files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = (".git", ".venv", ".snakemake", "results", "data", "__pycache__", ".pytest_cache")
MAKES_OWN = ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")


class Clone:
    """The project's files in ``folder``, and a way to run Snakemake there."""

    def __init__(self, folder, source=ROOT, left_out=LEFT_OUT):
        self.folder = Path(folder)
        ignored = shutil.ignore_patterns(*left_out)
        shutil.copytree(source, self.folder, ignore=ignored, symlinks=True)

    def command(self, *words):
        return [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, words)]

    def environment(self):
        """As at a prompt: under ``make test`` a make called by a test would say where it goes."""
        kept = {name: os.environ[name] for name in os.environ if name not in MAKES_OWN}
        return kept | {"PYTHONPATH": "", "PYTEST_CURRENT_TEST": ""}

    def run(self, *words, timeout=900):
        """Run Snakemake to its end; returns (exit code, everything it printed)."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return done.returncode, done.stdout + done.stderr

    def make(self, *words, timeout=900):
        """Run make to its end and see that it went well; returns everything it printed."""
        code, text = self.try_make(*words, timeout=timeout)
        assert code == 0, text[-5000:]
        return text

    def try_make(self, *words, timeout=900):
        """Run make with the packages that run this test; returns (exit code, what it printed)."""
        installed = [f"{sys.prefix}/.installed", f"{sys.prefix}/.installed-dev"]
        old = [word for path in installed for word in ("-o", path)]
        done = subprocess.run(
            ["make", f"VENV={sys.prefix}", "CORES=2", *old, *map(str, words)],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        return done.returncode, done.stdout

    def plan(self, *words):
        """Jobs of a dry-run: a set of ``rule`` or ``rule wildcard`` names."""
        code, text = self.run("--dry-run", *words)
        assert code == 0, text[-3000:]
        return planned_jobs(text)


def planned_jobs(text):
    """Jobs in the output of a dry-run, with the values of their wildcards."""
    jobs = set()
    for block in re.split(r"\n(?=(?:local)?rule \w+:|Job stats:)", text):
        match = re.match(r"(?:local)?rule (\w+):", block.strip())
        if match:
            line = re.search(r"^ +wildcards: (.+)", block, re.MULTILINE)
            values = re.findall(r"\w+=(\w+)", line[1]) if line else []
            jobs.add(" ".join([match[1], *values]))
    return jobs - {"all"}


def job_counts(text):
    """Jobs of each rule in the job statistics of a run or dry-run."""
    table = re.search(r"^Job stats:\n.*\n-.*\n((?:\w+ +\d+\n)+)", text, re.MULTILINE)[1]
    counts = {rule: int(count) for rule, count in (line.split() for line in table.splitlines())}
    return {rule: count for rule, count in counts.items() if rule not in ("all", "total")}
