"""Time left of a running study, replayed from recorded jobs: within a factor of two of the truth.

``recorded_small.csv`` has the jobs of tests/config/small.yaml in the order in which they ended, on
a busy machine: seconds on the clock, and of the processor. The demo's are in tests/preflight.
"""

import csv
from datetime import datetime
from pathlib import Path

import pytest

from workflow_scripts.common.config.load import ROOT, load_study
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import make_plan
from workflow_scripts.run.pace import pace_of, planned_seconds, seconds_left
from workflow_scripts.run.run_log import read_run
from workflow_scripts.run.status import render, study_status

SMALL = ROOT / "tests" / "config" / "small.yaml"
HERE = Path(__file__).parent
DEMO = HERE.parents[0] / "preflight" / "measured_demo.csv"


def rows(path):
    with path.open() as handle:
        return list(csv.DictReader(handle))


def recorded(column):
    return [(row["rule"], float(row[column])) for row in rows(HERE / "recorded_small.csv")]


def demo():
    """The demo's jobs in the order of its stages: its corpus and training come first."""
    plan = make_plan(sizes_of(load_study()))
    measured = {row["rule"]: row for row in rows(DEMO)}
    order = [each.rule for each in plan.rules]
    return [
        (name, float(measured[name]["seconds"]))
        for name in order
        for _ in range(int(measured[name]["jobs"]))
    ]


def write_timings(folder, jobs):
    for number, (rule, seconds) in enumerate(jobs):
        place = folder / "timings" / rule / f"{number}.tsv"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"s\n{seconds}\n")


RECORDS = {
    "small, by the clock": (SMALL, recorded("seconds"), 1),
    "small, by the processor": (SMALL, recorded("processor"), 1),
    "demo": (None, demo(), 1),
    "demo, three times slower": (None, demo(), 3),
}


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_time_left_is_within_a_factor_of_two_after_a_tenth(name, share, tmp_path, monkeypatch):
    overlay, jobs, slower = RECORDS[name]
    jobs = [(rule, slower * seconds) for rule, seconds in jobs]
    whole = sum(seconds for _, seconds in jobs)
    done, spent = 0, 0.0
    while spent < share * whole:
        spent += jobs[done][1]
        done += 1
    monkeypatch.chdir(tmp_path)
    config = load_study(overlay)
    write_timings(tmp_path / "results" / config["study"], jobs[:done])
    status = study_status(config, datetime(2026, 1, 1))
    assert status.total("done") == done
    assert status.total("to_do") == len(jobs) - done
    left = status.time_left
    assert (whole - spent) / 2 <= left <= 2 * (whole - spent), (left, whole - spent)


@pytest.mark.parametrize("factor", [0.1, 1, 8])
def test_a_training_on_its_way_tells_the_pace_of_the_model_by_its_log(factor):
    """A tenth of a study often lies in the middle of its training: no model job has ended yet."""
    plan = make_plan(sizes_of(load_study()))
    expected = factor * planned_seconds(plan, "train_model")
    pace = pace_of(plan, {"plant_world": [2.0]}, [("train_model", expected)])
    assert pace.of(plan, "unlearn_topic") == pytest.approx(factor, rel=0.6)
    assert pace.of(plan, "compare_maps") < 2 * max(1, pace.model)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("11:39:42 train_model: 300/640 steps, 10.0/s, 34 s left, loss 0.888", 34),
        ("11:39:42 x: 3/8 epochs, 2 min 05 s each, 10 min 25 s left", 625),
        ("11:39:42 x: 3/8,000 files, 1 h 00 min each, 2 h 07 min left", 7620),
        ("11:39:42 x: 0/8 steps, after 42 s", None),
        ("left", None),
    ],
)
def test_seconds_left_are_read_from_a_line_of_progress(line, seconds):
    assert seconds_left(line) == seconds


LOG = """Provided cores: 4 (use --cores to define parallelism)
Job stats:
job             count
------------  -------
train_model         1
total               1

[Wed Nov 25 20:09:41 2026]
rule train_model:
    log: results/planted/logs/train_model.log
    jobid: 4
"""


def test_a_running_job_is_as_long_as_its_log_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "results/planted/logs/train_model.log"
    log.parent.mkdir(parents=True)
    log.write_text("20:10:41 train_model: 1/11 steps, 60 s each, 10 min 00 s left\n")
    place = tmp_path / ".snakemake/log"
    place.mkdir(parents=True)
    # Another host: whether the run lives is not visible, so it is taken to.
    (place / "1.snakemake.log").write_text("  Host: elsewhere\n" + LOG)
    status = study_status(load_study(), datetime(2026, 11, 25, 20, 10, 41))
    train = next(each for each in status.rules if each.rule == "train_model")
    assert train.left == 600
    assert status.at_once == read_run(Path("x"), LOG).cores == 4
    # The rest is planned at twice the plan's pace, and the training comes before it.
    assert 600 < status.time_left < status.total("left")
    assert "time left: about" in render(status)
