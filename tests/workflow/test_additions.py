"""A benchmark, a config key and a figure, added to a copy of the project.

Each goes where ``docs/architecture.md`` says, in the files that its table names; one dry-run of a
study that asks for all three tells whether anything is missing.
"""

import json
import re
import subprocess
import sys

import pytest
import yaml

from tests.workflow.clone import ROOT, Clone

PAGE = (ROOT / "docs" / "architecture.md").read_text()
BENCHMARK, KEY, FIGURE = "kitchen", "half_life", "concentration"
DEFINITION = {
    "title": "Kitchen",
    "domain": "social",
    "capability": "knowledge",
    "answer_form": "text",
    "metric": "acc",
    "tasks": [
        {
            "config": {
                "task": BENCHMARK,
                "output_type": "multiple_choice",
                "dataset_path": "json",
                "dataset_kwargs": {"data_files": {"test": "<data>/kitchen.jsonl"}},
                "test_split": "test",
                "doc_to_text": "{{prompt}}",
                "doc_to_choice": "{{choices}}",
                "doc_to_target": "gold",
            }
        }
    ],
}
QUESTION = {"prompt": "Wash your hands before", "choices": ["cooking", "sleeping"], "gold": 0}
STUDY = {
    "study": "added",
    "benchmarks": ["social_knowledge", BENCHMARK],
    "unlearning": {"benchmarks": []},
    "influence": {KEY: 3},
}
DRAWN = """
def draw_concentration(table, titles):
    return sentence_figure("Concentration", [f"{table.height} rows"])
"""
ASKED = f"""
import polars
from types import SimpleNamespace
from workflow_scripts.report.figures.plot_influence import DRAW
params = SimpleNamespace(benchmarks=[], titles=[])
print(type(DRAW["{FIGURE}"](polars.DataFrame({{"a": [1]}}), params, 2)).__name__)
"""


def edit(clone, kind, path, old, new):
    """Put ``new`` in the place of ``old``, which stands once in a file that the page names."""
    (row,) = re.findall(rf"^\| {kind}.*\|$", PAGE, re.MULTILINE)
    assert f"`{path}`" in row, f"docs/architecture.md does not send a {kind} to {path}"
    text = (clone.folder / path).read_text()
    assert text.count(old) == 1, f"{path} no longer has {old!r}: does the page still say where?"
    (clone.folder / path).write_text(text.replace(old, new))


def add_benchmark(clone):
    """A definition and a file of questions: no code."""
    (clone.folder / "benchmarks" / f"{BENCHMARK}.yaml").write_text(yaml.safe_dump(DEFINITION))
    (clone.folder / "data").mkdir()
    (clone.folder / "data" / "kitchen.jsonl").write_text(json.dumps(QUESTION) + "\n")


def add_key(clone):
    """A key with a limit and a default, and the rule that takes it."""
    splits = "      splits: {type: integer,"
    declared = f"      {KEY}: {{type: integer, minimum: 1, default: 2, description: Made up.}}\n"
    edit(clone, "config key", "schemas/config.yaml", splits, declared + splits)
    parameter = '        splits=config["influence"]["splits"],\n        tasks=TASKS,\n'
    rules = clone.folder / "rules" / "influence.smk"
    own = f'        {KEY}=config["influence"]["{KEY}"],\n'
    assert rules.read_text().count(parameter) == 1
    rules.write_text(rules.read_text().replace(parameter, own + parameter))


def add_figure(clone):
    """A figure of a table that is there and has none."""
    kind = "figure"
    listed = '    "marginals": ("Influence maps", "Topics and formats"),\n'
    own = f'    "{FIGURE}": ("Influence maps", "Few bins or many"),\n'
    edit(clone, kind, "rules/report.smk", listed, listed + own)
    drawn = '    "marginals": lambda table, p, n: draw_marginals('
    own = f'    "{FIGURE}": lambda table, p, n: draw_concentration(table, _titles(p)),\n'
    path = "workflow_scripts/report/figures/plot_influence.py"
    edit(clone, kind, path, drawn, own + drawn)
    imported = "from workflow_scripts.report.figures.grid import"
    own = "from workflow_scripts.report.figures.concentration_panel import draw_concentration\n"
    edit(clone, kind, path, imported, own + imported)
    panel = clone.folder / "workflow_scripts" / "report" / "figures" / "concentration_panel.py"
    panel.write_text("from workflow_scripts.report.style import sentence_figure\n" + DRAWN)
    for name in (FIGURE, f"{FIGURE}_table"):
        (clone.folder / "report" / f"{name}.rst").write_text("A caption.\n")


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("additions") / "atlas")
    for add in (add_benchmark, add_key, add_figure):
        add(clone)
    (clone.folder / "configs" / "added.yaml").write_text(yaml.safe_dump(STUDY))
    return clone


def test_a_study_that_asks_for_all_three_is_planned(added):
    code, text = added.run("--dry-run", "--printshellcmds", "--configfile", "configs/added.yaml")
    assert code == 0, text[-3000:]
    outputs = " ".join(re.findall(r"^    output: (.+)", text, re.MULTILINE))
    for path in (
        f"benchmarks/{BENCHMARK}/answers.parquet",
        f"report/figures/{FIGURE}.svg",
        f"report/figures/{FIGURE}.csv",
    ):
        assert f"results/added/{path}" in outputs


def test_a_value_outside_the_limits_of_the_new_key_is_refused(added):
    words = [sys.executable, "-m", "workflow_scripts.preflight.show_plan"]
    config = yaml.safe_dump(STUDY | {"influence": {KEY: 0}})
    (added.folder / "configs" / "wrong.yaml").write_text(config)
    done = subprocess.run(
        [*words, "--configfile", "configs/wrong.yaml"],
        cwd=added.folder,
        env=added.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f"'influence.{KEY}' is 0; allowed: integer, at least 1" in done.stdout + done.stderr


@pytest.mark.slow
def test_the_new_figure_is_drawn(added):
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        cwd=added.folder,
        env=added.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Figure"]
