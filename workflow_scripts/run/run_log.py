"""Progress of a run of Snakemake, read from the log that it writes as it goes.

Reading is all that happens: no lock is taken and no file of a running workflow is touched.
"""

import os
import re
import socket
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

LOGS = Path(".snakemake", "log")
STAMP = re.compile(r"^\[(\w{3} \w{3} +\d+ [\d:]{8} \d{4})\]$")
STARTED = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
ERROR = re.compile(r"^Error in rule (\w+):$")
FINISHED = re.compile(r"^Finished jobid: (\d+)")
DETAIL = re.compile(r"^ {4}(jobid|log|wildcards): (.*)$")
CORES = re.compile(r"^Provided cores: (\d+)")
COUNT = re.compile(r"^(\w+) +(\d+)$")
# The last words of a run, whether it went well or not.
LAST_WORDS = ("Complete log(s):", "Nothing to be done")


@dataclass
class Job:
    """One job of a run.

    Attributes:
        rule: its name.
        values: of its wildcards.
        log: path of its log, empty where it has none.
        state: ``running`` (or queued on a cluster), ``done`` or ``failed``.
        started, ended: when; ``ended`` is None while it runs.
    """

    rule: str
    values: list[str] = field(default_factory=list)
    log: str = ""
    state: str = "running"
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def name(self) -> str:
        """Rule and wildcards."""
        return " ".join([self.rule, *self.values])

    def seconds(self, now: datetime) -> float:
        """Time since it started, or its run time once it has ended."""
        return ((self.ended or now) - self.started).total_seconds() if self.started else 0.0


@dataclass
class Run:
    """One run of Snakemake.

    Attributes:
        path: its log.
        planned: jobs of each rule that it set out to run.
        jobs: those it has started, by Snakemake's number; of a job tried again the last try.
        host: where it was started.
        cores: that it was given on this machine; 0 where jobs are sent elsewhere.
        over: whether it has ended by itself.
    """

    path: Path
    planned: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    host: str = ""
    cores: int = 0
    over: bool = False

    def of(self, state: str) -> list[Job]:
        """Its jobs in this state."""
        return [job for job in self.jobs.values() if job.state == state]

    @property
    def started(self) -> datetime | None:
        """Start of its first job."""
        return min((job.started for job in self.jobs.values() if job.started), default=None)


def latest_run(results: str, folder: Path = LOGS) -> Run | None:
    """The last run that names files of this study, None where there was none."""
    if not folder.exists():
        return None
    for path in sorted(folder.glob("*.snakemake.log"), reverse=True):
        text = path.read_text(errors="replace")
        if f"{results}/" in text:
            return read_run(path, text)
    return None


def read_run(path: Path, text: str) -> Run:
    """A run from the text of its log, which may end anywhere."""
    run, job, stamp = Run(path), None, None
    counting = False
    for line in text.splitlines():
        counting = line.startswith("Job stats:") or (counting and line.strip() != "")
        if counting and (count := COUNT.match(line)) and count[1] not in ("all", "total"):
            run.planned[count[1]] = int(count[2])
        if found := STAMP.match(line):
            stamp = datetime.strptime(found[1], "%a %b %d %H:%M:%S %Y")
        elif found := STARTED.match(line):
            job = Job(found[1], started=stamp)
        elif found := ERROR.match(line):
            job = Job(found[1], state="failed", ended=stamp)
        elif found := FINISHED.match(line):
            if found[1] in run.jobs:
                run.jobs[found[1]].state, run.jobs[found[1]].ended = "done", stamp
        elif job and (found := DETAIL.match(line)):
            _detail(run, job, found[1], found[2])
        elif found := CORES.match(line):
            run.cores = int(found[1])
        elif line.startswith("  Host: "):
            run.host = line.removeprefix("  Host: ")
        run.over |= line.startswith(LAST_WORDS)
    return run


def _detail(run: Run, job: Job, key: str, value: str) -> None:
    """Take up one line below the name of a job that starts or fails."""
    if key == "wildcards":
        job.values = [pair.partition("=")[2] for pair in value.split(", ")]
    elif key == "log":
        job.log = value.removesuffix(" (check log file(s) for error details)")
    elif job.state == "failed" and value in run.jobs:
        known = run.jobs[value]
        known.state, known.ended = "failed", job.ended
    elif job.state == "running":
        run.jobs[value] = job


def is_alive(run: Run) -> bool | None:
    """True if the run's process still has its log open; None where that cannot be seen."""
    if run.over:
        return False
    if run.host != socket.gethostname() or not Path("/proc/self/fd").exists():
        return None
    log = str(run.path.resolve())
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(handle) == log:
                return True
        except OSError:  # a process that has gone meanwhile, or is another person's
            continue
    return False
