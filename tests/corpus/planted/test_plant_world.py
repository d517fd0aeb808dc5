import gzip
import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl

from workflow_scripts.common.config.load import complete
from workflow_scripts.common.tables import read_table
from workflow_scripts.corpus.planted.plant_world import main, world_settings, write_lines
from workflow_scripts.corpus.planted.settings import WorldSettings
from workflow_scripts.corpus.planted.world import make_world

TOPICS = [
    "health",
    "games",
    "politics",
    "religion",
    "social_life",
    "software",
    "literature",
    "finance_and_business",
]
FORMATS = ["faq", "tutorial", "listicle", "news_article"]


def read_lines(path):
    data = Path(path).read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return [json.loads(line) for line in data.splitlines()]


def section(**keys):
    planted = {"topics": TOPICS, "formats": FORMATS, "support_formats": 1, "support_topics": 2}
    planted |= {"contradiction_topics": 2, "questions_per_benchmark": 8, **keys}
    settings = {"study": "t", "benchmarks": ["any"], "corpus": {"planted": planted}}
    return complete(settings)["corpus"]["planted"]


def plant(folder, seed=1):
    planted = section()
    output = SimpleNamespace(
        documents=[str(folder / f"documents-{i}.jsonl.gz") for i in range(4)],
        truth=str(folder / "truth.parquet"),
        questions=[str(folder / f"{name}.jsonl") for name in planted["benchmarks"]],
    )
    main(SimpleNamespace(output=output, params=SimpleNamespace(world=planted, seed=seed)))
    return output


def test_config_defaults_are_the_generators_defaults():
    empty = complete({"study": "t", "benchmarks": ["any"]})["corpus"]["planted"]
    assert world_settings(empty) == WorldSettings()


def test_world_is_written_and_repeats_byte_by_byte(tmp_path):
    first, second = plant(tmp_path / "a"), plant(tmp_path / "b")
    for a, b in zip(
        sorted((tmp_path / "a").iterdir()), sorted((tmp_path / "b").iterdir()), strict=True
    ):
        assert a.read_bytes() == b.read_bytes(), a.name
    assert plant(tmp_path / "c", seed=2).documents
    documents = [row for path in first.documents for row in read_lines(path)]
    assert {"id", "text", "topic", "format", "url"} == set(documents[0])
    assert {(r["topic"], r["format"]) for r in documents} == set(itertools.product(TOPICS, FORMATS))
    other = read_lines(tmp_path / "c" / "documents-0.jsonl.gz")
    assert other != documents[: len(other)]
    assert second.truth.endswith("b/truth.parquet")


def test_truth_covers_every_bin_of_the_taxonomy_for_each_benchmark(tmp_path):
    output = plant(tmp_path)
    truth = read_table(output.truth, "corpus/truth")
    assert truth.group_by("benchmark").len()["len"].to_list() == [576] * 4
    outside = truth.filter(~pl.col("topic").is_in(TOPICS) | ~pl.col("format").is_in(FORMATS))
    assert set(outside["role"]) == {"neutral"}
    assert outside["dose"].max() == 0
    roles = truth.filter(benchmark="stem_reasoning")["role"].value_counts()
    counts = dict(roles.iter_rows())
    assert (counts["support"], counts["contradiction"]) == (2, 2)


def test_each_planted_benchmark_has_its_questions(tmp_path):
    output = plant(tmp_path)
    world = make_world(world_settings(section()), 1)
    assert len(output.questions) == len(world.questions) == 4
    for path in map(Path, output.questions):
        rows = read_lines(path)
        assert rows == world.questions[path.stem]
        assert all(len(row["choices"]) == 4 and row["gold"] in range(4) for row in rows)


def test_packed_lines_hold_no_time(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    write_lines(path, [{"a": "\u00e9"}])
    assert path.read_bytes()[4:8] == b"\0\0\0\0"
    assert gzip.decompress(path.read_bytes()).decode() == '{"a": "\u00e9"}\n'
