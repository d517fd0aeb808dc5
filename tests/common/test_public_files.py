"""Files that a public repository has beside its code: they parse, and agree with the project."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from tests.workflow.clone import ROOT
from workflow_scripts.common.config.load import known_keys

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
DOCKER = (ROOT / "envs" / "Dockerfile").read_text()
APPTAINER = (ROOT / "envs" / "apptainer.def").read_text()
INSIDE = "/opt/capability-atlas"


def load(path):
    return yaml.safe_load((ROOT / path).read_text())


@pytest.fixture(scope="module")
def job():
    (only,) = load(".github/workflows/ci.yml")["jobs"].values()
    return only


def test_the_matrix_has_the_versions_that_the_project_allows_and_the_readme_names(job):
    versions = [each["python"] for each in job["strategy"]["matrix"]["include"]]
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert all(version in allowed for version in versions)
    named = re.search(r"Python ((?:3\.\d+[, or]*)+)", (ROOT / "README.md").read_text())[1]
    assert versions == re.findall(r"3\.\d+", named)
    assert "${{ matrix.python }}" in job["container"]


def test_every_version_runs_the_quick_checks_and_one_those_of_ci_run(job):
    (run,) = (step["run"] for step in job["steps"] if "run" in step)
    assert run == ".ci/run ${{ matrix.targets }}"
    targets = [each["targets"].split() for each in job["strategy"]["matrix"]["include"]]
    own = re.search(r"^    make (\w.*)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)[1]
    assert targets.count(own.split()) == 1
    assert all(each[0] == "test" for each in targets)
    for target in {target for each in targets for target in each}:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_the_cache_goes_by_the_requirement_files(job):
    (cache,) = (step["with"] for step in job["steps"] if "cache" in step.get("uses", ""))
    (pattern,) = re.findall(r"hashFiles\('(.+?)'\)", cache["key"])
    found = {path.name for path in ROOT.glob(pattern)}
    assert found == {"constraints.txt", "requirements.txt", "requirements-dev.txt"}
    assert cache["path"] == job["env"]["PIP_CACHE_DIR"]


def test_hooks_are_the_commands_of_lint_at_pinned_versions():
    (repo,) = load(".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local" and all(each["language"] == "system" for each in repo["hooks"])
    recipe = re.search(r"^lint:.*\n((?:\t.+\n)+)", MAKEFILE, re.MULTILINE)[1]
    commands = re.findall(r"\$\(BIN\)/(.+)", recipe)
    assert [each["entry"].removeprefix(".venv/bin/") for each in repo["hooks"]] == commands
    pinned = (ROOT / "envs" / "requirements-dev.txt").read_text()
    pinned += (ROOT / "envs" / "requirements.txt").read_text()
    for program in {command.split()[0] for command in commands}:
        assert re.search(rf"^{program}==", pinned, re.MULTILINE)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_for_issues_has_fields_with_names_of_their_own(path):
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        return
    assert {"name", "description", "body"} <= form.keys()
    names = [field["id"] for field in form["body"]]
    assert len(set(names)) == len(names)
    for field in form["body"]:
        assert field["type"] in ("input", "textarea", "dropdown")
        assert field["attributes"]["label"]
        assert (field["type"] == "dropdown") == ("options" in field["attributes"])


def test_there_are_forms_for_a_bug_a_question_and_a_benchmark():
    assert {path.stem for path in FORMS} == {"bug", "question", "benchmark", "config"}
    assert (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").exists()


def test_the_catalog_is_told_what_the_rules_declare():
    usage = load(".snakemake-workflow-catalog.yml")["usage"]
    assert usage.keys() <= {"mandatory-flags", "software-stack-deployment"}
    stack = usage["software-stack-deployment"]
    assert stack.keys() == {"conda", "apptainer", "apptainer+conda", "report"}
    files = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
    rules = "\n".join(path.read_text() for path in files)
    named = set(re.findall(r'conda:\s+"\.\./(.+?)"', rules))
    assert stack["conda"] == bool(named) and all((ROOT / path).exists() for path in named)
    assert stack["apptainer"] == bool(re.search(r"^\s*container:", rules, re.MULTILINE))
    assert stack["report"] == bool(re.search(r"^report:", rules, re.MULTILINE))


def test_versions_of_the_images_agree_with_the_project():
    versions = {PROJECT["version"], load("CITATION.cff")["version"]}
    versions.add(re.search(r'image\.version="(.+?)"', DOCKER)[1])
    versions.add(re.search(r"image\.version (\S+)", APPTAINER)[1])
    assert len(versions) == 1
    based = re.findall(r"^F(?:ROM|rom:) python:(3\.\d+)-slim$", DOCKER + APPTAINER, re.MULTILINE)
    assert len(based) == 2
    (python,) = set(based)
    for name in ("engine", "analysis"):
        assert f"python={python}" in load(f"envs/{name}.yaml")["dependencies"]


def test_images_install_the_requirements_under_their_constraints():
    for text in (DOCKER, APPTAINER):
        (pip,) = re.findall(r"pip install .+", text)
        options = re.findall(r"-([rc]) \S*?(envs/\S+)", pip)
        assert dict(options) == {"r": "envs/requirements.txt", "c": "envs/constraints.txt"}
        assert all((ROOT / path).exists() for _, path in options)


def copied():
    """Files and folders of the project that the images hold."""
    ignored = (ROOT / "envs" / "Dockerfile.dockerignore").read_text()
    kept = re.findall(r"^!(.+)$", ignored, re.MULTILINE)
    section = re.search(r"%files\n((?:    .+\n)+)", APPTAINER)[1]
    pairs = [line.split() for line in section.splitlines()]
    assert pairs == [[name, f"{INSIDE}/{name}"] for name in kept]
    assert f"COPY . {INSIDE}\n" in DOCKER
    return kept


def test_what_the_images_hold_is_enough_for_a_plan_from_another_folder(tmp_path):
    for name in copied():
        target = tmp_path / "project" / name
        if (ROOT / name).is_dir():
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, target, ignore=leave)
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, target)
    (tmp_path / "work").mkdir()
    entry = re.search(r"^ENTRYPOINT \[(.+)\]$", DOCKER, re.MULTILINE)[1]
    words = [word.strip(' "') for word in entry.split(",")]
    assert f"exec {' '.join(words)} " in APPTAINER
    place = str(tmp_path / "project" / Path(words[2]).relative_to(INSIDE))
    done = subprocess.run(
        [sys.executable, "-m", *words[:2], place, "--dry-run", "--quiet"],
        cwd=tmp_path / "work",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands_of_the_page_on_containers_stand_in_the_recipes():
    page = (ROOT / "docs" / "cluster.md").read_text()
    commands = re.findall(r"^(?:docker|apptainer) .+$", page, re.MULTILINE)
    assert len(commands) == 4
    assert not [each for each in commands if each not in DOCKER + APPTAINER]


def test_the_security_page_names_keys_that_exist():
    keys = set(known_keys(load("schemas/config.yaml"), ""))
    defs = load("schemas/config.yaml")["$defs"]
    keys |= {f"corpus.annotate.{name}" for name in defs["annotate"]["properties"]}
    named = re.findall(r"`(corpus\.[\w.]+)`", (ROOT / "SECURITY.md").read_text())
    assert named and set(named) <= keys
