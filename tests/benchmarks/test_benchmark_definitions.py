"""Definitions: what is accepted, how mistakes are reported, files a benchmark depends on."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml

from tests.benchmarks.made_up import inline
from workflow_scripts.benchmarks import definitions
from workflow_scripts.benchmarks.definitions import (
    ROOT,
    available,
    data_function,
    definition_inputs,
    input_function,
    load_definition,
    load_schema,
    resolve,
    study_definitions,
    value_function,
)
from workflow_scripts.benchmarks.tasks.question_readers import READERS
from workflow_scripts.common.errors import ConfigError

LOCAL = {"reader": "jsonl", "files": ["<results>/questions.jsonl"]}
TASK = {"config": inline("a"), "data": LOCAL}
REAL = ["socialiqa", "mmlu_social_sciences", "arc_challenge", "mmlu_stem"]
PLANTED = ["social_reasoning", "social_knowledge", "stem_reasoning", "stem_knowledge"]


@pytest.mark.parametrize("name", available())
def test_every_shipped_definition_is_valid_and_local(name):
    definition = load_definition(name)
    assert definition.local
    assert definition.name == name


@pytest.mark.parametrize("names", [PLANTED, REAL])
def test_the_two_by_two_has_one_benchmark_a_cell_and_one_answer_form(names):
    cells = [load_definition(name) for name in names]
    assert {(cell.domain, cell.capability) for cell in cells} == {
        ("social", "reasoning"),
        ("social", "knowledge"),
        ("stem", "reasoning"),
        ("stem", "knowledge"),
    }
    assert {cell.answer_form for cell in cells} == {"text"}
    assert {cell.metric for cell in cells} == {"acc"}


@pytest.mark.parametrize("suffix", ["", "_letters"])
def test_mmlu_has_twelve_social_and_eighteen_stem_subjects_without_anatomy(suffix):
    social = load_definition(f"mmlu_social_sciences{suffix}").tasks
    stem = load_definition(f"mmlu_stem{suffix}").tasks
    assert (len(social), len(stem)) == (12, 18)
    names = [entry.name for entry in social + stem]
    assert len(set(names)) == 30
    assert not any("anatomy" in name for name in names)
    for entry in social + stem:
        subject = entry.name.removeprefix("mmlu_").removesuffix("_continuation")
        assert entry.files == (f"<data>/mmlu/test/{subject}_test.csv",)


def test_unknown_benchmark_lists_what_there_is_and_the_nearest():
    with pytest.raises(ConfigError) as error:
        load_definition("socialqa")
    message = str(error.value)
    assert message.startswith("config key 'benchmarks' names 'socialqa'")
    assert "arc_challenge, " in message
    assert message.endswith("did you mean 'socialiqa'?")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"metrc": "acc"}, r"unknown key 'metrc' \(value 'acc'\); .*did you mean 'metric'"),
        ({"metric": "f1"}, "key 'metric' is 'f1'; allowed: 'acc', 'acc_norm'"),
        ({"capability": "reason"}, "'capability' is 'reason'; .*did you mean 'reasoning'"),
        ({"limit": 0}, "key 'limit' is 0; allowed: integer, at least 1"),
        ({"tasks": []}, "key 'tasks' is .*; allowed: array, with at least 1 items"),
        ({"tasks": [{"data": LOCAL}]}, "key 'tasks.0' has none of task, config, file"),
        (
            {"tasks": [TASK | {"task": "b"}]},
            "key 'tasks.0' has task and config of task, config, file; give one",
        ),
        ({"tasks": [TASK, TASK]}, "key 'tasks' names a more than once"),
        (
            {"tasks": [{"config": {}, "data": LOCAL}]},
            "the task has no name; .* needs the key 'task'",
        ),
        ({"tasks": ["boolq"]}, "key 'tasks.0.data' is missing: task 'boolq' .* unpinned"),
        (
            {"tasks": [{"task": "a", "data": {"reader": "jsnl", "files": ["x"]}}]},
            "key 'tasks.0.data.reader' is 'jsnl'; .*did you mean 'jsonl'",
        ),
        (
            {"tasks": [{"task": "a", "data": {"reader": "jsonl"}}]},
            "key 'tasks.0.data' needs both 'reader' and 'files'",
        ),
        (
            {"tasks": [{"task": "a", "data": LOCAL | {"revision": "0" * 40}}]},
            "local files and a hub revision",
        ),
        (
            {"tasks": [{"task": "a", "data": {"revision": "main"}}]},
            "key 'tasks.0.data.revision' is 'main'",
        ),
        ({"tasks": [{"file": "none.yaml", "data": LOCAL}]}, "none.yaml does not exist"),
        (
            {"tasks": [{"config": {"task": "a", "output_type": "generate_until"}, "data": LOCAL}]},
            "key 'tasks.0': output_type is 'generate_until'; allowed: 'multiple_choice'",
        ),
        (
            {"tasks": [{"config": inline("a", doc_to_text=None), "data": LOCAL}]},
            "the task's key 'doc_to_text' is None; it gives the prompt: name a column",
        ),
        (
            {"tasks": [{"config": inline("a", doc_to_text=""), "data": LOCAL}]},
            "the task's key 'doc_to_text' is ''; it gives the prompt",
        ),
        (
            {"tasks": [{"config": inline("a", doc_to_choice=[]), "data": LOCAL}]},
            r"the task's key 'doc_to_choice' is \[\]; it gives the choices",
        ),
        (
            {"tasks": [{"config": {"task": "a", "output_type": "multiple_choice"}, "data": LOCAL}]},
            "the task's key 'doc_to_text' is missing",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_benchmark_file_and_key(workbench, change, expected):
    workbench.write(**({"tasks": [TASK]} | change))
    with pytest.raises(ConfigError, match=expected) as error:
        load_definition("made_up", workbench.folder)
    assert "\n" not in str(error.value)
    assert "benchmark 'made_up' (" in str(error.value)
    assert "made_up.yaml" in str(error.value)


def test_missing_key_says_what_it_means(workbench):
    workbench.write(tasks=[TASK])
    path = workbench.folder / "made_up.yaml"
    value = yaml.safe_load(path.read_text())
    del value["domain"]
    path.write_text(yaml.safe_dump(value))
    with pytest.raises(ConfigError, match="key 'domain' is missing; Subject matter"):
        load_definition("made_up", workbench.folder)


def test_broken_yaml_names_the_line(workbench):
    (workbench.folder / "made_up.yaml").write_text("title: x\ntasks: [\n  a: }\n")
    with pytest.raises(ConfigError, match=r"made_up.yaml line 3 is not valid YAML"):
        load_definition("made_up", workbench.folder)


def test_a_pinned_hub_dataset_needs_no_files_and_is_not_local(workbench):
    definition = workbench.define(tasks=[{"task": "boolq", "data": {"revision": "a" * 40}}])
    assert not definition.local
    assert definition_inputs(definition, "r", "d") == []


def test_schema_knows_exactly_the_readers():
    task = load_schema()["properties"]["tasks"]["items"]["properties"]
    assert set(task["data"]["properties"]["reader"]["enum"]) == set(READERS)


def test_inputs_are_included_files_modules_and_data(workbench):
    folder = workbench.folder
    (folder / "tasks").mkdir()
    (folder / "tasks" / "own.yaml").write_text(
        "include: base.yaml\ntask: own\ndoc_to_text: !function utils.text\n"
    )
    (folder / "tasks" / "base.yaml").write_text(
        "include: [deep.yaml]\noutput_type: multiple_choice\ndataset_path: json\n"
        "dataset_kwargs: {data_files: {test: [<results>/made.jsonl, rows.jsonl]}}\n"
    )
    (folder / "tasks" / "deep.yaml").write_text(
        "test_split: test\ndoc_to_choice: [a, b]\ndoc_to_target: gold\n"
    )
    (folder / "tasks" / "utils.py").write_text("def text(doc):\n    return doc['prompt']\n")
    (folder / "rows.jsonl").write_text("{}\n")
    definition = workbench.define(tasks=[{"file": "tasks/own.yaml"}])
    entry = definition.tasks[0]
    assert (entry.name, entry.config["test_split"]) == ("own", "test")
    inputs = definition_inputs(definition, "out/study", "d")
    tasks = [str(folder / "tasks" / name) for name in ("own.yaml", "utils.py", "base.yaml")]
    assert inputs == [
        *tasks,
        str(folder / "tasks" / "deep.yaml"),
        "out/study/made.jsonl",
        str(folder / "rows.jsonl"),
    ]


def test_an_include_cycle_is_refused(workbench):
    (workbench.folder / "sub").mkdir()
    (workbench.folder / "sub" / "a.yaml").write_text("include: b.yaml\n")
    (workbench.folder / "sub" / "b.yaml").write_text("include: a.yaml\n")
    with pytest.raises(ConfigError, match="includes itself through"):
        workbench.define(tasks=[{"file": "sub/a.yaml", "data": LOCAL}])


def test_missing_data_file_names_benchmark_file_and_key(tmp_path):
    with pytest.raises(ConfigError) as error:
        study_definitions(["socialiqa"], "results/x", str(tmp_path), "files")
    message = str(error.value)
    assert message.startswith("benchmark 'socialiqa' needs the file")
    assert f"{tmp_path}/socialiqa/dev.jsonl, which does not exist" in message
    assert f"change config key 'data' (now '{tmp_path}') or key 'tasks.0' in" in message


def test_an_empty_file_of_questions_is_refused_before_anything_runs(tmp_path):
    for name in ("dev.jsonl", "dev-labels.lst"):
        (tmp_path / "socialiqa").mkdir(exist_ok=True)
        (tmp_path / "socialiqa" / name).touch()
    with pytest.raises(ConfigError, match=r"socialiqa/dev.jsonl, which is empty; change"):
        study_definitions(["socialiqa"], "results/x", str(tmp_path), "files")


def test_planted_questions_need_no_file_yet_but_a_planted_corpus(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = study_definitions(PLANTED, "results/none", "data", "planted")
    inputs = input_function(found, "results/none", "data")
    assert inputs(SimpleNamespace(benchmark="stem_knowledge")) == [
        "results/none/corpus/questions/stem_knowledge.jsonl",
    ]
    assert value_function(found, "target")(SimpleNamespace(benchmark="stem_knowledge")) == "gold"
    with pytest.raises(ConfigError, match="'stem_knowledge', which asks about the planted world"):
        study_definitions(["stem_knowledge"], "results/none", "data", "files")


def test_definitions_import_nothing_heavy():
    """The rule file imports this module; a bad key must be reported within two seconds."""
    code = f"import sys, {definitions.__name__}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert not {"torch", "datasets", "lm_eval", "polars", "numpy"} & set(done.stdout.split())


def test_another_data_folder_concerns_the_benchmarks_that_name_it_alone(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = ("stem_knowledge", "socialiqa")
    value = data_function({name: load_definition(name) for name in names}, "elsewhere")
    folders = [value(SimpleNamespace(benchmark=name)) for name in names]
    assert folders == ["", "elsewhere"]


def test_titles_and_cells_are_not_what_is_asked(workbench):
    """Another title, description, domain, capability or target asks the same questions."""
    tasks = [{"task": "boolq", "data": {"revision": "a" * 40}}]
    first = workbench.define(tasks=tasks)
    for key, value in (("title", "New"), ("domain", "stem"), ("target", "margin")):
        assert workbench.define(tasks=tasks, **{key: value}).asked == first.asked
    for key, value in (("limit", 3), ("metric", "acc_norm"), ("instruction", "drop")):
        assert workbench.define(tasks=tasks, **{key: value}).asked != first.asked


def test_a_relative_file_lies_beside_the_definition_or_else_where_the_run_is(tmp_path, monkeypatch):
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve("q.jsonl", "r", "d", folder) == "benchmarks/q.jsonl"
    (tmp_path / "q.jsonl").write_text("{}")
    assert resolve("q.jsonl", "r", "d", folder) == "q.jsonl"
    (folder / "q.jsonl").write_text("{}")
    assert resolve("q.jsonl", "r", "d", folder) == "benchmarks/q.jsonl"


@pytest.mark.parametrize("title", ["A {brace} x", "half {"])
def test_a_title_with_a_brace_is_refused_at_the_start(workbench, title):
    """Snakemake took it for a wildcard and stopped in a rule of the report."""
    tasks = [{"task": "boolq", "data": {"revision": "a" * 40}}]
    with pytest.raises(ConfigError, match=r"key 'title' is .*braces stand for wildcards"):
        workbench.define(tasks=tasks, title=title)
