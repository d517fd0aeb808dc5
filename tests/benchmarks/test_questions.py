"""Questions are checked before a run's first job: no model is trained for a broken benchmark."""

import json
import subprocess
import sys

import pytest
import yaml

from tests.benchmarks.made_up import inline, row
from tests.workflow.clone import Clone
from workflow_scripts.benchmarks import questions
from workflow_scripts.benchmarks.definitions import ROOT, load_definition
from workflow_scripts.benchmarks.questions import check_questions
from workflow_scripts.common.errors import AtlasError

DATA = {"reader": "jsonl", "files": ["<data>/own.jsonl"]}


@pytest.fixture
def checked(workbench, tmp_path):
    """Check the definition ``made_up`` over a local file that holds ``text``."""

    def run(text, config=None, data=DATA):
        (tmp_path / "own.jsonl").write_text(text)
        task = {"config": config or inline()} | ({"data": data} if data else {})
        definition = workbench.define(tasks=[task])
        check_questions({"made_up": definition}, str(workbench.results), str(tmp_path))

    return run


def lines(*rows):
    return "".join(json.dumps(item) + "\n" for item in rows)


def test_sound_questions_pass(checked):
    checked(lines(row(0), row(1)))
    checked(lines(row(0)), inline(doc_to_text="{{ prompt }}", doc_to_choice="{{choices}}"))
    checked(lines(row(0)), inline(doc_to_text="Q: {{prompt}}", doc_to_choice=["yes", "no"]))


@pytest.mark.parametrize(
    ("text", "config", "expected"),
    [
        (lines(row(0)) + '{"prompt": \n', None, "own.jsonl line 2 is not valid JSON"),
        (lines(row(0)) + "[1]\n", None, "own.jsonl line 2 is not a JSON object but list"),
        ("\n \n", None, "own.jsonl: no question in it"),
        (
            lines(row(0)),
            inline(doc_to_text="promt"),
            "key 'doc_to_text' is 'promt', but the questions have no such column; their columns: "
            "prompt, choices, gold; did you mean 'prompt'?",
        ),
        (
            lines(row(0)),
            inline(doc_to_choice="{{options}}"),
            "'doc_to_choice' is '{{options}}', but the questions have no such column",
        ),
        (
            lines(row(0), {"prompt": "x", "choices": ["a", "b"]}),
            None,
            "own.jsonl line 2: column 'gold' is missing",
        ),
        (lines(row(0) | {"prompt": None}), None, "line 1: column 'prompt' is empty"),
        (lines(row(0) | {"prompt": " "}), None, "line 1: its prompt is ' '"),
        (lines(row(0) | {"prompt": 7}), None, "line 1: its prompt is 7; it must be a text"),
        (lines(row(0), row(1) | {"choices": []}), None, "line 2: it has the choices []"),
        (lines(row(0) | {"choices": ["a"]}), None, "at least two texts"),
        (lines(row(0) | {"choices": ["a", None]}), None, "line 1: it has the choices ['a', None]"),
        (lines(row(0) | {"choices": "a, b"}), None, "line 1: it has the choices 'a, b'"),
    ],
)
def test_a_broken_file_of_questions_is_one_line_that_names_file_and_row(
    checked, text, config, expected
):
    with pytest.raises(AtlasError) as error:
        checked(text, config)
    message = str(error.value)
    assert message.startswith("benchmark 'made_up', task 'made_up': ")
    assert expected in message
    assert "\n" not in message


def test_files_that_lm_eval_reads_by_itself_are_checked_too(checked):
    """The task of the README reads its file by dataset_path: json, without a reader."""
    files = {"data_files": {"test": "<data>/own.jsonl"}}
    config = inline(dataset_path="json", dataset_kwargs=files)
    checked(lines(row(0)), config, data=None)
    with pytest.raises(AtlasError, match=r"own.jsonl line 1 is not valid JSON"):
        checked("{broken\n", config, data=None)


def test_a_task_that_lm_eval_brings_is_looked_up_before_it_is_needed(workbench):
    def check(name):
        task = {"task": name, "data": {"revision": "a" * 40}}
        check_questions({"made_up": workbench.define(tasks=[task])}, "r", "d")

    check("boolq")
    check("arc_challenge")
    with pytest.raises(AtlasError, match="task 'gsm8k': output_type is 'generate_until'; allowed"):
        check("gsm8k")
    with pytest.raises(AtlasError, match=r"brings no task 'arc_chalenge'.*'arc_challenge'"):
        check("arc_chalenge")


@pytest.mark.parametrize("name", ["arc_challenge", "socialiqa", "mmlu_stem", "mmlu_stem_letters"])
def test_the_built_in_tasks_of_shipped_definitions_can_be_traced(name):
    for entry in load_definition(name).tasks:
        config, _ = questions.read_task_file(questions.built_in_file(entry.name))
        questions.check_output_type(config)


def test_the_check_imports_nothing_heavy():
    code = f"import sys, {questions.__name__}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert not {"torch", "datasets", "lm_eval", "polars", "numpy"} & set(done.stdout.split())


def test_a_run_with_a_broken_benchmark_ends_before_its_first_job(tmp_path):
    """Its file was read only when the model had been trained."""
    clone = Clone(tmp_path / "atlas")
    (clone.folder / "data").mkdir()
    (clone.folder / "data" / "own.jsonl").write_text("{broken\n")
    definition = {"title": "T", "domain": "social", "capability": "reasoning"}
    definition |= {"answer_form": "text", "tasks": [{"config": inline("own"), "data": DATA}]}
    (clone.folder / "benchmarks" / "own.yaml").write_text(yaml.safe_dump(definition))
    words = ["benchmarks=['own']", "unlearning={benchmarks: []}"]
    code, text = clone.run("--config", *words)
    assert code != 0
    assert "not started: benchmark 'own', task 'own': data/own.jsonl line 1 is not valid" in text
    assert "Traceback" not in text
    assert not (clone.folder / "results" / "planted" / "corpus").exists()
