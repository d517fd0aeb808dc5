"""Pace of a study against its plan, from the jobs that have ended and the logs of others.

Rules that run the model and the others are held to the plan apart: the rate of the model is the
plan's boldest assumption, and says nothing of tables.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workflow_scripts.preflight.costs.resources import DEMANDS, device_bytes, jobs_of, work_seconds
from workflow_scripts.preflight.plan import Plan

# Planned seconds that the plan itself counts for, so that one quick job does not turn it over.
PRIOR = 20
LEFT = re.compile(r"\d/[\d,]+ .*?(?:(\d+) h )?(?:(\d+) min )?(?:(\d+) s )?left")
UNITS = (3600, 60, 1)


@dataclass(frozen=True)
class Pace:
    """Measured over planned time.

    Attributes:
        model: of the rules that run the model.
        other: of the rules that do not.
    """

    model: float = 1.0
    other: float = 1.0

    def of(self, plan: Plan, rule: str) -> float:
        """The pace of a rule."""
        return self.model if runs_model(plan, rule) else self.other


def runs_model(plan: Plan, rule: str) -> bool:
    """True if a rule's jobs run the model."""
    return not plan.sizes.matrix and device_bytes(plan.sizes, rule, _some(plan)) > 0


def planned_seconds(plan: Plan, rule: str) -> float:
    """Seconds that the plan expects of a job of this rule, on average."""
    jobs = jobs_of(plan.sizes, rule) or {_some(plan): 1}
    work = sum(count * work_seconds(plan.sizes, rule, name) for name, count in jobs.items())
    return work / sum(jobs.values())


def pace_of(
    plan: Plan, ended: Mapping[str, Iterable[float]], running: Iterable[tuple[str, float]] = ()
) -> Pace:
    """The pace so far.

    Args:
        plan: of the study.
        ended: seconds of every job that has ended, by rule.
        running: of jobs that run, the rule and the seconds they will have taken by their logs.
    """
    pairs = [(rule, time) for rule, times in ended.items() for time in times]
    pairs = [(rule, time) for rule, time in (*pairs, *running) if rule in DEMANDS]
    overall = _ratio(plan, pairs, 1.0)
    # Of a kind that has hardly run, the other kind is a better guess than none.
    model, other = (
        _ratio(plan, [p for p in pairs if runs_model(plan, p[0]) == kind], overall)
        for kind in (True, False)
    )
    return Pace(model, other)


def _ratio(plan: Plan, pairs: Iterable[tuple[str, float]], prior: float) -> float:
    pairs = list(pairs)
    measured = sum(time for _, time in pairs) + PRIOR * prior
    return measured / (sum(planned_seconds(plan, rule) for rule, _ in pairs) + PRIOR)


def _some(plan: Plan) -> str:
    return plan.sizes.config["benchmarks"][0]


def seconds_left(line: str) -> float | None:
    """Seconds that a job's last line of progress says are left; None where it says nothing."""
    found = LEFT.search(line)
    if not found or not any(found.groups()):
        return None
    return float(sum(int(n or 0) * unit for n, unit in zip(found.groups(), UNITS, strict=True)))
