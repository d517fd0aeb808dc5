"""A study whose folders and files are called what people call them, and one from the future."""

import json
import os
import shutil
import time

import pytest
import yaml

from tests.support import write_arc
from tests.workflow.clone import Clone

FOLDER = 'it\'s the "best" [v1] é 中 $x % & co'
PAGES = [
    {"id": f"d{i}", "text": f"page {i} of some", "topic": topic, "format": "FAQ"}
    for i, topic in enumerate(["__label__health", "__label__electronics_and_hardare", "Games"])
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("own paths") / "clone")


@pytest.fixture
def study(clone):
    """The words that name a study on a folder of an odd name."""
    data = clone.folder.parent / FOLDER
    if not data.exists():
        data.mkdir()
        write_arc(data)
        (data / "pages [2]").mkdir()
        lines = "".join(json.dumps(page) + "\n" for page in PAGES)
        (data / "pages [2]" / "page's [0].jsonl").write_text(lines)
    settings = {
        "study": "odd",
        "data": str(data),
        "benchmarks": ["arc_challenge"],
        "corpus": {"source": "files", "files": {"documents": ["<data>/pages*/page*.jsonl"]}},
        "unlearning": {"benchmarks": []},
    }
    path = clone.folder / "configs" / "my study's [1].yaml"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True))
    return data, ["--configfile", path]


def test_quotes_blanks_brackets_and_letters_of_any_script_are_carried(clone, study):
    """'corpus [v1]' matched no file, and labels of Dolma 3 were no labels."""
    contract = "results/odd/corpus/sample_contract.json"
    code, text = clone.run(*study[1], "--", contract)
    assert code == 0, text[-3000:]
    found = json.loads((clone.folder / contract).read_text())
    assert found["available"].keys() == {"health", "electronics_and_hardware", "games"}
    assert found["left_out"] == []


@pytest.mark.slow
def test_data_that_was_moved_is_the_same_data(clone, study):
    """Nothing is read again but to see that; a redraw later finds the documents."""
    sample = "results/odd/corpus/sample.parquet"
    documents = "results/odd/corpus/documents/p0000.parquet"
    code, text = clone.run(*study[1], "--", documents)
    assert code == 0, text[-3000:]
    data = str(study[0])
    assert data not in str((clone.folder / sample).read_bytes())
    moved = clone.folder.parent / "elsewhere"
    shutil.copytree(data, moved, copy_function=shutil.copyfile)
    words = [*study[1], "--config", f"data={moved}"]
    assert clone.plan(*words, "--", documents) == set()
    words += ["corpus={documents_per_bin: 1}"]
    code, text = clone.run(*words, "--", documents)
    assert code == 0, text[-3000:]
    assert clone.plan(*words, "--", documents) == set()


def test_a_file_of_the_future_is_refused_before_any_job(clone, study):
    """Snakemake stopped after index_documents, whose output was older than its input."""
    (file,) = study[0].glob("pages */*.jsonl")
    os.utime(file, (0, time.time() + 3600))
    code, text = clone.run("--dry-run", *study[1])
    own_words = ("Config file", "Using workflow")
    lines = [line for line in text.splitlines() if not line.startswith(own_words)]
    assert code != 0 and len(lines) == 1, text
    assert "s [0].jsonl" in lines[0] and "is dated" in lines[0] and "touch '" in lines[0]
