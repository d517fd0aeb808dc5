"""Print how far a study is: python -m workflow_scripts.run.status --configfile configs/x.yaml.

Rules done, running, failed and still to do, disk, time spent and left. It reads the plan, the
timings and Snakemake's log alone, so it neither locks nor disturbs a workflow that is running.
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.progress import clock
from workflow_scripts.preflight.costs.resources import DEMANDS
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import Plan, make_plan
from workflow_scripts.run.pace import Pace, pace_of, planned_seconds, seconds_left
from workflow_scripts.run.run_log import Job, Run, is_alive, latest_run

GB = 1e9
HEADINGS = ("", "done", "running", "failed", "to do", "mean", "left")
WIDTHS = (28, 6, 9, 8, 7, 19, 14)


@dataclass
class RuleStatus:
    """Progress of one rule.

    Attributes:
        rule: its name.
        stage: its stage.
        done, running, failed, to_do: jobs.
        mean: seconds of a job, measured in this study where one has run, else planned.
        measured: whether ``mean`` is measured.
        left: seconds of work that remain, one job after the other.
    """

    rule: str
    stage: str
    done: int
    running: int
    failed: int
    to_do: int
    mean: float
    measured: bool
    left: float


@dataclass
class Status:
    """Progress of a study."""

    study: str
    now: datetime
    rules: list[RuleStatus]
    run: Run | None
    alive: bool | None
    disk: float
    planned_disk: float
    spent: float
    notes: list[str] = field(default_factory=list)

    def total(self, name: str) -> Any:
        """Sum over all rules."""
        return sum(getattr(each, name) for each in self.rules)

    @property
    def at_once(self) -> float:
        """Jobs that work at the same time: the cores given, else their average over the run."""
        if not self.run or not self.run.started or self.alive is False:
            return 1.0
        if self.run.cores:
            return float(self.run.cores)
        elapsed = (self.now - self.run.started).total_seconds()
        busy = sum(job.seconds(self.now) for job in self.run.jobs.values())
        return max(1.0, busy / elapsed) if elapsed > 0 else 1.0

    @property
    def time_left(self) -> float:
        """Seconds until the study is finished.

        With many cores the chain counts: in every stage its longest job, one after the other.
        """
        longest: dict[str, float] = {}
        for each in self.rules:
            if each.left:
                job = min(each.left, each.mean)
                longest[each.stage] = max(longest.get(each.stage, 0), job)
        return max(self.total("left") / self.at_once, sum(longest.values()))


def study_status(config: Mapping[str, Any], now: datetime | None = None) -> Status:
    """Progress of the study of this configuration, from the files in the working directory."""
    now, results = now or datetime.now(), Path("results", config["study"])
    plan, run = make_plan(sizes_of(config)), latest_run(results.as_posix())
    alive = is_alive(run) if run else False
    if run and alive is False:
        for job in run.of("running"):
            job.state = "stopped"  # its run was killed: it will be started again
    seconds = measured_seconds(results / "timings")
    planned = {each.rule: each.jobs for each in plan.rules}
    names = [name for name in DEMANDS if name in planned or (run and name in run.planned)]
    pace = pace_of(plan, seconds, _expected(run, now))
    rules = [
        _rule_status(name, planned.get(name, 0), seconds.get(name, []), run, alive, plan, pace, now)
        for name in names
    ]
    return Status(
        study=config["study"],
        now=now,
        rules=rules,
        run=run,
        alive=alive,
        disk=sum(path.stat().st_size for path in _files(results)),
        planned_disk=plan.total("disk_gb") * GB,
        spent=sum(sum(times) for times in seconds.values()),
    )


def measured_seconds(timings: Path) -> dict[str, list[float]]:
    """Seconds of every finished job, by rule, from the files that Snakemake leaves."""
    found: dict[str, list[float]] = {}
    for path in sorted(timings.rglob("*.tsv")) if timings.exists() else []:
        rule = path.stem if path.parent == timings else path.relative_to(timings).parts[0]
        with path.open(newline="") as handle:
            rows = list(csv.DictReader(handle, delimiter="\t"))
        # A job that has just started has an empty one.
        found.setdefault(rule, []).extend(float(row["s"]) for row in rows if row.get("s"))
    return found


def _expected(run: Run | None, now: datetime) -> Iterator[tuple[str, float]]:
    """Rule and seconds, to its end, of each job that runs and logs how long it still takes."""
    for job in run.of("running") if run else []:
        left = _job_left(job)
        if left is not None:
            yield job.rule, job.seconds(now) + left


def _job_left(job: Job) -> float | None:
    return seconds_left(_last_line(Path(job.log))) if job.log else None


def _files(folder: Path) -> Iterator[Path]:
    """Files under a folder; those that vanish meanwhile are left out."""
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                yield path
        except OSError:
            continue


def _rule_status(
    name: str,
    jobs: int,
    seconds: list[float],
    run: Run | None,
    alive: bool | None,
    plan: Plan,
    pace: Pace,
    now: datetime,
) -> RuleStatus:
    own = [job for job in run.jobs.values() if job.rule == name] if run else []
    states = [job.state for job in own]
    in_run = run.planned.get(name, 0) if run else 0
    total = max(jobs, in_run)
    # An old timing of a job that this run makes again does not count.
    pending = in_run - states.count("done") if alive is not False else 0
    done = max(0, min(len(seconds), total - pending))
    running, failed = states.count("running"), states.count("failed")
    to_do = max(0, total - done - running - failed)
    planned = planned_seconds(plan, name)
    mean = sum(seconds) / len(seconds) if seconds else pace.of(plan, name) * planned
    left = (to_do + failed) * mean
    for job in own:
        if job.state == "running":
            told = _job_left(job)
            left += max(0.0, mean - job.seconds(now)) if told is None else told
    stage = DEMANDS[name].stage
    return RuleStatus(name, stage, done, running, failed, to_do, mean, bool(seconds), left)


def render(status: Status) -> str:
    """The status as a person reads it."""
    parts = [[_headline(status)], list(_table(status)), list(_foot(status))]
    for title, jobs in (("Running", _jobs(status, "running")), ("Failed", _jobs(status, "failed"))):
        if jobs:
            parts.append([title, *(line for job in jobs for line in _job(job, status.now))])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _headline(status: Status) -> str:
    name = f"Study {status.study}"
    run = status.run
    if run is None:
        return f"{name}: no run of it is on record here"
    if not run.jobs:
        return f"{name}: the last run had no job to start"
    since = clock((status.now - run.started).total_seconds())
    if status.alive:
        return f"{name}: running for {since}, {status.at_once:.1f} jobs at once"
    if status.alive is None:
        return f"{name}: started {since} ago on {run.host}; whether it runs is not visible here"
    if not run.over:
        return f"{name}: the last run was killed; it started {since} ago"
    failed = len(run.of("failed"))
    ended = f"ended with {failed} failed" if failed else "ended well"
    return f"{name}: not running; the last run {ended}"


def _line(cells: tuple[str, ...]) -> str:
    first, *rest = (f"{cell:{'<' if not i else '>'}{WIDTHS[i]}}" for i, cell in enumerate(cells))
    return "".join([first, *rest]).rstrip()


def _number(count: int) -> str:
    return f"{count:,}" if count else ""


def _table(status: Status) -> Iterator[str]:
    yield _line(HEADINGS)
    for each in status.rules:
        counts = (each.done, each.running, each.failed, each.to_do)
        mean = f"{'' if each.measured else 'plan '}{clock(each.mean)}"
        left = clock(each.left) if each.to_do or each.running or each.failed else ""
        yield _line((f"  {each.rule}", *map(_number, counts), mean, left))
    counts = tuple(_number(status.total(name)) for name in ("done", "running", "failed", "to_do"))
    yield _line(("in all", *counts, "", clock(status.total("left"))))


def _foot(status: Status) -> Iterator[str]:
    yield (
        f"disk: {status.disk / GB:,.2f} GB of about {status.planned_disk / GB:,.2f} planned; "
        f"work spent: {clock(status.spent)}"
    )
    left = status.total("left")
    if not left:
        yield "nothing is left to do, by the timings; snakemake -n says so for certain"
        return
    yield (
        f"time left: about {clock(status.time_left)} with {status.at_once:.1f} jobs at once "
        "(mean of the jobs that ran; 'plan': the plan's estimate at the pace so far)"
    )


def _jobs(status: Status, state: str) -> list[Job]:
    return status.run.of(state) if status.run else []


def _job(job: Job, now: datetime) -> Iterator[str]:
    """Name and time of a job, and the last line of its log, which has its progress."""
    yield f"  {job.name}  ({clock(job.seconds(now))})"
    if job.log:
        last = _last_line(Path(job.log))
        yield f"      {last}" if last and job.state == "running" else f"      {job.log}: {last}"


def _last_line(path: Path) -> str:
    """Last line of a log that says something."""
    if not path.exists():
        return "no log yet"
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "nothing logged yet"


def main(arguments: list[str] | None = None) -> int:
    """Print the status of the study that the config names; 1 on a clear error."""
    parser = argparse.ArgumentParser(description="How far a study is.")
    parser.add_argument("--configfile", default=None, help="overlay of config.yaml")
    try:
        config = load_study(parser.parse_args(arguments).configfile)
        sys.stdout.write(render(study_status(config)))
    except AtlasError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
