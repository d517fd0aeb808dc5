"""Questions are checked before a run's first job: no model is trained for a broken benchmark."""

import dataclasses
import gzip
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
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


@pytest.mark.parametrize("name", ["own.csv", "own.json", "own.jsonl.gz", "own.parquet"])
def test_a_gold_that_is_no_choice_is_found_in_every_format(workbench, tmp_path, name):
    rows = [row(0), row(1) | {"gold": 9}]
    path = tmp_path / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif name.endswith(".csv"):
        path.write_text("prompt,a,b,gold\np,x,y,0\np,x,y,9\n")
    else:
        text = json.dumps(rows) if name.endswith(".json") else lines(*rows)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    kind = "json" if "json" in name else name.rpartition(".")[2]
    choice = "{{[a, b]}}" if kind == "csv" else "{{choices}}"
    files = {"data_files": {"test": f"<data>/{name}"}}
    config = inline(dataset_path=kind, dataset_kwargs=files, doc_to_choice=choice)
    definition = workbench.define(tasks=[{"config": config}])
    with pytest.raises(AtlasError, match=rf"{name} (line|row) \d has no gold answer: '?9"):
        check_questions({"made_up": definition}, "r", str(tmp_path))


def test_what_lm_eval_would_refuse_in_the_job_is_refused_at_the_start(checked):
    for change, expected in (
        ({"doc_to_txt": "x"}, r"key 'doc_to_txt', .* did you mean 'doc_to_text'"),
        ({"filter_list": [{"name": "x"}]}, "filter_list"),
        ({"num_fewshot": 3}, "questions are asked bare"),
        ({"metric_list": [{"metric": "f1"}]}, "its metrics are f1, .*'metric' is 'acc'"),
        ({"test_split": None}, "names no test_split or validation_split"),
        ({"doc_to_target": [0, 1]}, "several gold answers"),
        ({"doc_to_choice": ["A", "B", "C", "D"]}, "'answer_form' is 'text', .* are letters"),
    ):
        with pytest.raises(AtlasError, match=expected):
            checked(lines(row(0)), inline(**change))


@pytest.mark.parametrize("kind", ["arrow", "text", "xml", "xlsx"])
def test_a_format_that_is_not_read_is_refused_with_those_that_are(workbench, kind):
    files = {"data_files": {"test": f"own.{kind}"}}
    config = inline(dataset_path=kind, dataset_kwargs=files)
    with pytest.raises(AtlasError, match=rf"dataset_path is '{kind}'; .* csv, json, parquet"):
        workbench.define(tasks=[{"config": config}])
    config = inline(dataset_path="json", dataset_kwargs=files)
    (workbench.folder / f"own.{kind}").write_text("x")
    definition = workbench.define(tasks=[{"config": config}])
    with pytest.raises(AtlasError, match=rf"own.{kind} is of a format that is not read; allowed"):
        check_questions({"made_up": definition}, "r", "d")


def test_an_option_of_reading_that_is_not_known_is_refused(workbench):
    kwargs = {"data_files": {"test": "own.csv"}, "delimeter": ";"}
    config = inline(dataset_path="csv", dataset_kwargs=kwargs)
    with pytest.raises(AtlasError, match=r"key 'delimeter'.*did you mean 'delimiter'"):
        workbench.define(tasks=[{"config": config}])


def test_the_file_of_the_split_that_is_asked_is_the_one_that_is_read(checked, tmp_path):
    (tmp_path / "train.jsonl").write_text("{broken")
    files = {"train": "<data>/train.jsonl", "test": ["<data>/own.jsonl"]}
    config = inline(dataset_path="json", dataset_kwargs={"data_files": files})
    checked(lines(row(0)), config, data=None)
    config = inline(dataset_path="json", dataset_kwargs={"data_files": "<data>/own.jsonl"})
    with pytest.raises(AtlasError, match=r"asks the split 'test', but its data_files are for tra"):
        checked(lines(row(0)), config, data=None)
    checked(lines(row(0)), config | {"test_split": "train"}, data=None)


def test_every_benchmark_that_is_wrong_has_a_line(workbench, tmp_path):
    (tmp_path / "own.jsonl").write_text("{broken\n")
    definition = workbench.define(tasks=[{"config": inline(), "data": DATA}])
    both = {"one": definition, "two": dataclasses.replace(definition, name="other")}
    with pytest.raises(AtlasError) as error:
        check_questions(both, "r", str(tmp_path))
    first, second = str(error.value).splitlines()
    assert first.startswith("benchmark 'made_up'")
    assert second.startswith("benchmark 'other'")


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
