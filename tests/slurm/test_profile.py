"""The cluster profile without a cluster: the plan, its lines to edit, its GPU lines."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.workflow.clone import ROOT, Clone, planned_jobs
from workflow_scripts.preflight.costs.resources import DEMANDS

PROFILE = ROOT / "profiles" / "slurm" / "config.yaml"
GUIDE = (ROOT / "docs" / "cluster.md").read_text()


@pytest.fixture
def tools(tmp_path):
    """A PATH without Slurm; the executor looks for it with ``which``."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "which").symlink_to(shutil.which("which"))
    return str(tmp_path / "bin")


def dry_run(folder, tools, *words):
    """Plan with the profile on a machine without Slurm's commands; returns what is printed."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", "slurm", "-n", *words],
        cwd=folder,
        env=os.environ | {"PATH": tools},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def with_gpu(text):
    """The profile after a person removed the ``# `` before the GPU lines."""
    block = re.search(r"^# set-resources:\n(#   .*\n)+", text, re.MULTILINE)[0]
    return text.replace(block, re.sub(r"^# ", "", block, flags=re.MULTILINE))


def resources_of(text, rule):
    """Resources of the jobs of a rule in the output of a dry-run: a list of dicts."""
    blocks = re.split(r"\n(?=\s*(?:local)?rule \w+:)", text)
    lines = [
        re.search(r"^ +resources: (.+)", block, re.MULTILINE)[1]
        for block in blocks
        if re.match(rf"\s*rule {rule}:", block)
    ]
    return [dict(pair.split("=", 1) for pair in line.split(", ")) for line in lines]


def test_plan_is_printed_from_the_repository_root_without_slurm(tools):
    text = dry_run(ROOT, tools, "--forceall")
    assert "Using profiles slurm and workflow specific profile" in text
    assert {"plant_world", "attribute_documents s0000"} <= planned_jobs(text)
    wanted = yaml.safe_load(PROFILE.read_text())["default-resources"]
    for row in resources_of(text, "train_model") + resources_of(text, "estimate_effects"):
        assert row["slurm_partition"] == wanted["slurm_partition"]
        assert row["slurm_account"] == wanted["slurm_account"]
        assert "gpu" not in row
    shown = re.search(r"```text\n\$ snakemake .+\n(job +count\n[^`]+)```", GUIDE)[1].splitlines()
    assert {line for line in shown if line != "..."} <= set(text.splitlines())


def test_every_line_of_the_profile_says_what_it_is_for():
    for line in PROFILE.read_text().splitlines():
        key = re.match(r"(  )?([a-z_-]+):( \S+)? *(# .+)?$", line)
        # Lines below groups, and the keys that open a section, are explained above them.
        if key and key[3] and "tables" not in key[3] and key[2] not in ("runtime", "mem_mb"):
            assert key[4], line


def test_two_lines_are_to_be_edited():
    lines = [line for line in PROFILE.read_text().splitlines() if "# EDIT" in line]
    assert [line.split(":")[0].strip() for line in lines] == ["slurm_partition", "slurm_account"]


def test_gpu_lines_name_every_rule_that_runs_the_model():
    """Such a rule fails on a node without a GPU."""
    named = yaml.safe_load(with_gpu(PROFILE.read_text()))["set-resources"]
    assert set(named) == {rule for rule, demand in DEMANDS.items() if demand.device}
    assert all(row == {"slurm_partition": "gpu"} for row in named.values())


def test_grouped_rules_are_there_and_no_other_rule_runs_between_them():
    """Snakemake refuses every plan with a group that is left and entered again."""
    grouped = set(yaml.safe_load(PROFILE.read_text())["groups"])
    assert grouped <= set(DEMANDS)
    lines = (ROOT / "tests" / "workflow" / "edges.txt").read_text().splitlines()
    edges = [line.split(" -> ") for line in lines]
    after = {b for a, b in edges if a in grouped and b not in grouped}
    for _ in edges:
        after |= {b for a, b in edges if a in after}
    assert not after & grouped


@pytest.mark.slow
def test_uncommented_gpu_lines_name_the_partition_where_the_rules_ask_for_a_gpu(tmp_path, tools):
    clone = Clone(tmp_path / "atlas")
    clone.folder.joinpath("profiles/slurm/config.yaml").write_text(with_gpu(PROFILE.read_text()))
    text = dry_run(clone.folder, tools, "--config", "model={device: cuda}")
    for rule in ("attribute_documents", "train_model", "unlearn_topic"):
        for row in resources_of(text, rule):
            assert (row["gpu"], row["slurm_partition"]) == ("1", "gpu")
    for row in resources_of(text, "estimate_effects"):
        assert "gpu" not in row and row["slurm_partition"] != "gpu"


@pytest.mark.slow
def test_plans_of_the_guide_are_printed(tools):
    commands = re.findall(r"^snakemake --profile slurm (-n.*?) *(?:#.+)?$", GUIDE, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        text = dry_run(ROOT, tools, "--forceall", *command.split()[1:])
        assert "attribute_documents" in text
    for row in resources_of(text, "attribute_documents"):
        assert row["runtime"] == "720"


@pytest.mark.slow
def test_default_profile_changes_nothing_of_a_run_with_this_one(tools):
    """It is read beside it, and its keys would win: the plan is the same with and without."""

    def told(*words):
        text = dry_run(ROOT, tools, "--forceall", *words)
        jobs = re.split(r"\n(?=\s*(?:local)?rule \w+:)", text.split("Job stats:")[0])[1:]
        return sorted(re.sub(r"\[.*?\]\n", "", job) for job in jobs)

    assert told() == told("--workflow-profile", "none")


def test_default_profile_holds_no_key_of_this_one_but_with_the_same_value():
    default, cluster = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    )
    assert not {"jobs", "retries", "latency-wait", "executor", "keep-going"} & set(default)
    shared = set(default) & set(cluster)
    assert {key: default[key] for key in shared} == {key: cluster[key] for key in shared}
