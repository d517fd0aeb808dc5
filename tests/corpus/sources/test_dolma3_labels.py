"""Dolma 3's labels are found where docs/corpus.md and the configs say, in each shape of file."""

import re
from pathlib import Path

import pytest
import yaml

from workflow_scripts.common.config.load import complete
from workflow_scripts.corpus.sources.sources import source_files, source_layout

ROOT = Path(__file__).resolve().parents[3]
FORMATS = {"faq": 0.7, "spam_ads": 0.3}
TOPICS = {"electronics_and_hardare": 0.6, "games": 0.4}
PAGE = {"warc_url": "https://www.example.org/1", "cc_dump": "CC-MAIN-2024-10"}


def scores(labels):
    return {f"__label__{label}": score for label, score in labels.items()}


def pool(row):
    """A line of the pool: the topic alone."""
    best = "__label__electronics_and_hardare"
    metadata = PAGE | {"weborganizer": scores(TOPICS), "weborganizer_max": best}
    return {**row, "metadata": metadata}


def both(row):
    """A line of files that went through both classifiers."""
    metadata = PAGE | {
        "weborganizer_topic": scores(TOPICS),
        "weborganizer_topic_max": "__label__electronics_and_hardare",
        "weborganizer_format": scores(FORMATS),
        "weborganizer_format_max": "__label__faq",
    }
    return {**row, "metadata": metadata}


def write_attributes(made_up, folder, rows):
    made_up.write(folder / "documents/0.jsonl.zst", [{**row, "metadata": PAGE} for row in rows])
    for kind, labels in (("topic", TOPICS), ("format", FORMATS)):
        name = f"weborganizer_{kind}"
        values = {f"{name}__{key}": [[0, 9, score]] for key, score in scores(labels).items()}
        lines = [{"id": row["id"], "attributes": values} for row in rows]
        made_up.write(folder / "attributes" / name / "0.jsonl.zst", lines)


def write_table(made_up, folder, rows):
    columns = {"format": "FAQ", "warc_url": PAGE["warc_url"]}
    lines = [{"doc_id": row["id"], "text": row["text"], **columns} for row in rows]
    made_up.write(folder / "topic=electronics_and_hardare" / "0.parquet", lines)


def write_lines(line):
    def write(made_up, folder, rows):
        made_up.write(folder / "dolma3/0.jsonl.zst", [line(row) for row in rows])

    return write


def documented():
    page = (ROOT / "docs" / "corpus.md").read_text()
    section = page.split("### Labels of Dolma 3")[1]
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", section, re.S)]


def commented(name):
    """The columns that a config keeps in comments below those that it uses."""
    text = (ROOT / "configs" / f"{name}.yaml").read_text()
    lines = re.findall(r"^      # ((?:topic|format): .*)$", text, re.M)
    return [yaml.safe_load("\n".join(lines[i : i + 2])) for i in range(0, len(lines), 2)]


def index(made_up, folder, rows, corpus, write):
    """Topics, formats and sites of made-up files, read as the study says."""
    write(made_up, folder, rows)
    config = complete({"study": "t", "benchmarks": ["b"], "data": str(folder), "corpus": corpus})
    manifest, malformed = made_up.index(source_files(config, "r"), source_layout(config))
    found = [manifest[name].unique().to_list() for name in ("topic", "format", "url_domain")]
    return found, {reason: entry["count"] for reason, entry in malformed.reasons.items()}


SHAPES = [pool, both, both, write_attributes, write_table]


@pytest.mark.parametrize("number", range(len(SHAPES)), ids=lambda i: SHAPES[i].__name__)
def test_documented_columns_read_files_of_that_shape(made_up, tmp_path, number):
    """Every row was an unknown topic, '__label__...'."""
    assert len(documented()) == len(SHAPES)
    rows = [{"id": f"d{i}", "text": f"page {i}", "source": "web"} for i in range(4)]
    corpus, shape = documented()[number]["corpus"], SHAPES[number]
    write = shape if shape in (write_attributes, write_table) else write_lines(shape)
    found, left_out = index(made_up, tmp_path, rows, corpus, write)
    if shape is pool:
        assert left_out == {"missing_format": 4}  # made by the classifier that the study names
        corpus["files"]["columns"]["format"] = "source"
        rows = [{**row, "source": "FAQ"} for row in rows]
        found, left_out = index(made_up, tmp_path, rows, corpus, write)
    assert (found, left_out) == ([["electronics_and_hardware"], ["faq"], ["example.org"]], {})


@pytest.mark.parametrize("name", ["olmo3-7b", "olmo3-7b-pilot"])
def test_columns_of_the_configs_are_the_documented_ones(name):
    used = yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text())["corpus"]["files"]
    pooled, best, scored, *_ = (
        preset["corpus"]["files"]["columns"]
        for preset in documented()
        if "files" in preset["corpus"]
    )
    assert used["columns"] == best
    assert [used["columns"] | other for other in commented(name)] == [pooled, scored]
