"""The preflight's plan against Snakemake's own, from files of one line."""

import pytest

from tests.preflight.stub_files import write_stubs
from tests.workflow.clone import ROOT, Clone, job_counts
from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.files import read_json
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import make_plan

FULL, PILOT = "configs/olmo3-7b.yaml", "configs/olmo3-7b-pilot.yaml"
UNLEARNING = ("_topic", "_unlearned", "_control", "_halves")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("preflight") / "atlas")


def planned(overlay, query_path=""):
    config = load_study(ROOT / overlay)
    config["model"]["query"]["path"] = query_path
    plan = make_plan(sizes_of(config))
    return {each.rule: each.jobs for each in plan.rules}


def dry_run(clone, overlay, *words):
    code, text = clone.run("--dry-run", "--quiet", "rules", "--configfile", overlay, *words)
    assert code == 0, text[-3000:]
    return job_counts(text)


@pytest.mark.slow
def test_small_study_has_the_jobs_of_its_plan(clone):
    assert dry_run(clone, "tests/config/small.yaml") == planned("tests/config/small.yaml")


def test_published_study_is_planned_offline_from_stubs(clone):
    """No network, no model, no text, no map yet: the dry-run has every job, by slot."""
    write_stubs(clone.folder / "data", load_study(ROOT / FULL))
    jobs = dry_run(clone, FULL)
    assert jobs == planned(FULL)
    assert sum(jobs.values()) < 1000
    unlearning = {rule: count for rule, count in jobs.items() if rule.endswith(UNLEARNING)}
    assert unlearning == {
        "unlearn_topic": 24 * 4 * 3,
        "evaluate_unlearned": 24 * 4 * 4,
        "unlearn_control": 3,
        "evaluate_control": 4,
    }


def test_pilot_is_planned_offline_from_stubs_and_a_query_model_is_two_jobs_more(clone):
    write_stubs(clone.folder / "data", load_study(ROOT / PILOT))
    query = f"model={{query: {{path: organisation/tuned, revision: '{'0' * 40}'}}}}"
    jobs = dry_run(clone, PILOT, "--config", query)
    assert jobs == planned(PILOT, query_path="organisation/tuned")
    assert jobs == planned(PILOT) | {"reference_query_model": 1, "check_query_model": 1}


def test_snakemake_preflight_prints_the_plan_writes_it_down_and_refuses(clone):
    code, text = clone.run("preflight", "--config", "hardware={scratch_gb: 0.1}")
    assert "Plan of study planted" in text
    written = read_json(clone.folder / "results/planted/preflight/plan.json")
    assert {each["rule"]: each["jobs"] for each in written["rules"]} == planned("config.yaml")
    assert code != 0
    assert "'hardware.scratch_gb' declares" in text


@pytest.mark.slow
def test_measured_rate_is_what_the_plan_then_uses(clone):
    code, text = clone.run("measure_rate")
    assert code == 0, text[-3000:]
    rate = read_json(clone.folder / "results/planted/preflight/rate.json")
    assert rate["flops"] > 1e8
    code, text = clone.run("preflight")
    assert code == 0, text[-3000:]
    assumed = read_json(clone.folder / "results/planted/preflight/plan.json")["assumed"]
    assert assumed["flops"] == rate["flops"]
    assert assumed["flops_from"] == "measured"
