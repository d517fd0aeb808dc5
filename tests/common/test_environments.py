"""The conda files install the pins of the requirement files, and the pins hold together."""

from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).resolve().parents[2] / "envs"


def pins(path):
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def conda_pins(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    pip = next(item["pip"] for item in dependencies if isinstance(item, dict))
    return {
        name.lower().replace("_", "-"): version for name, version in (p.split("==") for p in pip)
    }


def test_engine_environment_installs_exactly_the_requirements():
    assert conda_pins(ENVS / "engine.yaml") == pins(ENVS / "requirements.txt")


def test_analysis_environment_is_a_part_of_the_requirements():
    assert conda_pins(ENVS / "analysis.yaml").items() <= pins(ENVS / "requirements.txt").items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_constraints_hold_every_requirement_at_the_same_version(name):
    assert pins(ENVS / name).items() <= pins(ENVS / "constraints.txt").items()
