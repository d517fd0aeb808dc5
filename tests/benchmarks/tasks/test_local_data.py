"""Data that lm-eval is handed: rows as read, nothing below HOME, pinned datasets as downloaded."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.benchmarks.made_up import inline, row
from workflow_scripts.benchmarks.lm_eval_adapter import Examiner
from workflow_scripts.benchmarks.questions import check_questions
from workflow_scripts.common.errors import DataError

DATES = ["1969-07-20", "1989-11-09", "None", "NA"]
PINNED = "a" * 40


def files(name, path):
    return inline(dataset_path=path, dataset_kwargs={"data_files": {"test": f"<results>/{name}"}})


def asked(workbench, **keys):
    definition = workbench.define(**keys)
    return Examiner(definition, str(workbench.results), "none").split(None)[0]


def test_dates_none_and_numbers_of_a_file_are_asked_as_they_are_written(workbench):
    """The datasets library makes timestamps, nulls and numbers of them."""
    lines = [json.dumps({"prompt": f"Event {i}", "choices": DATES, "gold": i}) for i in range(4)]
    (workbench.results / "x.jsonl").write_text("\n".join(lines))
    (workbench.results / "x.csv").write_text(
        "prompt,a,b,gold\n" + "".join(f"007,None,1969-07-20,{i % 2}\n" for i in range(4))
    )
    queries = asked(workbench, tasks=[{"config": files("x.jsonl", "json")}])
    assert queries["choices"].to_list() == [[f" {text}" for text in DATES]] * 4
    assert queries["gold"].to_list() == [0, 1, 2, 3]
    table = files("x.csv", "csv") | {"doc_to_choice": "{{[a, b]}}"}
    queries = asked(workbench, tasks=[{"config": table}])
    assert queries["choices"].to_list() == [[" None", " 1969-07-20"]] * 4
    assert (queries["prompt"][0], queries["gold"].to_list()) == ("007", [0, 1, 0, 1])


def test_an_edited_file_of_the_same_size_and_time_is_read_as_it_is_now(workbench):
    path = workbench.results / "x.jsonl"
    for gold in (1, 2):
        path.write_text(json.dumps(row(0) | {"gold": gold}) + "\n")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        queries = asked(workbench, tasks=[{"config": files("x.jsonl", "json")}])
        assert queries["gold"].to_list() == [gold]


FUNCTIONS = """def halve(dataset):
    return dataset.filter(lambda row: row["gold"] != 3).map(lambda row: {"said": row["prompt"]})
"""


def write_functions(workbench, rows):
    """Definition ``made_up`` of a task file with a function over its dataset."""
    (workbench.results / "x.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    (workbench.folder / "words.py").write_text(FUNCTIONS)
    (workbench.folder / "own.yaml").write_text(
        "task: own\noutput_type: multiple_choice\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {workbench.results}/x.jsonl}}}}\n"
        "test_split: test\nprocess_docs: !function words.halve\n"
        "doc_to_text: said\ndoc_to_choice: choices\ndoc_to_target: gold\n"
    )
    return workbench.define(tasks=[{"file": "own.yaml"}])


def test_what_functions_make_is_checked_at_the_start_without_a_home_to_write_to(
    workbench, tmp_path, monkeypatch
):
    """lm-eval calls them in a process of its own, whose cache is a folder that is removed."""
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    for name in ("HF_HOME", "HF_DATASETS_CACHE", "HF_MODULES_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", f"{tmp_path}/file/home")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    definition = write_functions(workbench, [*map(row, range(4)), row(4) | {"gold": 9}])
    with pytest.raises(DataError, match=r"question 3 has no gold answer: 9 is not") as error:
        check_questions({"made_up": definition}, str(workbench.results), "none")
    assert str(error.value).startswith("benchmark 'made_up', task 'own': ")
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "tmp").glob("atlas-datasets-*"))


def test_a_function_over_the_dataset_sees_the_rows_as_they_are(workbench):
    definition = write_functions(workbench, [row(i) for i in range(5)])
    queries = Examiner(definition, str(workbench.results), "none").split(None)[0]
    assert queries["prompt"].to_list() == [row(i)["prompt"] for i in (0, 1, 2, 4)]


def test_rows_of_several_types_are_refused_where_a_function_needs_one(workbench):
    definition = write_functions(workbench, [row(0), row(1) | {"choices": "one, two"}])
    with pytest.raises(DataError, match=r"rows do not agree in the types of their values"):
        Examiner(definition, str(workbench.results), "none")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The hub cache with one file of a dataset, as a download leaves it; the hub out of reach."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "datasets--made--up" / "snapshots" / PINNED / "data"
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist([row(i) for i in range(3)])
    pq.write_table(table, folder / "test-00000-of-00001.parquet")
    return folder


def pinned(workbench):
    task = {"config": inline(dataset_path="made/up"), "data": {"revision": PINNED}}
    return workbench.define(tasks=[task])


def test_a_downloaded_dataset_is_asked_without_the_hub(hub, workbench):
    queries = Examiner(pinned(workbench), "none", "none").split(None)[0]
    assert queries["gold"].to_list() == [0, 1, 2]
    cache = Path(os.environ["HF_DATASETS_CACHE"])
    assert cache.name.startswith("atlas-datasets-")


def test_a_dataset_downloaded_in_part_or_not_at_all_is_refused(hub, workbench):
    (hub / "test-00000-of-00001.parquet").rename(hub / "test-00000-of-00002.parquet")
    with pytest.raises(DataError, match=r"downloaded in part: data/test-00001-of-00002.parquet is"):
        Examiner(pinned(workbench), "none", "none")
    hub.parent.rename(hub.parent.with_name("b" * 40))
    with pytest.raises(DataError, match=r"'made/up' at a{40} cannot be loaded .* same HF_HOME"):
        Examiner(pinned(workbench), "none", "none")
