"""The README's "Your own" section as written: a pretrained folder, own documents, own benchmark."""

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.support import architecture
from tests.workflow.clone import ROOT, Clone
from workflow_scripts.common.files import read_json
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer

TOOLS = ["knife", "pan", "oven", "kettle", "grater", "stove"]
CARE = ["cool", "dry", "far from children", "covered", "unplugged", "clean"]


def readme_blocks():
    """The YAML blocks of the README's section on an own corpus, model and benchmark, by subject."""
    section = (ROOT / "README.md").read_text().split("## Your own corpus, model and benchmark")[1]
    blocks = re.findall(r"```yaml\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    return {next(iter(yaml.safe_load(block))): yaml.safe_load(block) for block in blocks}


def merged(below, above):
    both = dict(below)
    for key, value in above.items():
        nested = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if nested else value
    return both


def write_documents(folder):
    """Labelled pages of 3 x 3 bins, about kitchens in some of them."""
    import zstandard

    rng = stream(0, "own documents")
    rows = []
    for place in range(180):
        words = [f"{rng.choice(TOOLS)} stays {rng.choice(CARE)}" for _ in range(12)]
        rows.append(
            {
                "doc_id": f"page-{place}",
                "body": f"Page {place}. " + ", and the ".join(words) + ".",
                "topic": TOPICS[place % 3],
                "format": FORMATS[place // 3 % 3],
                "url": f"https://site{place % 40}.example/{place}",
            }
        )
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (folder / "pages-0.jsonl.zst").write_bytes(zstandard.compress(text))
    questions = [
        {"prompt": f"The {tool} stays", "choices": [f" {care}" for care in CARE[:4]], "gold": n % 4}
        for n, tool in enumerate(TOOLS * 2)
    ]
    text = "".join(json.dumps(row) + "\n" for row in questions)
    (folder / "kitchen.jsonl").write_text(text)
    return [row["body"] for row in rows]


def write_model(folder, texts, name):
    """A tiny model with its tokenizer, as save_pretrained leaves them."""
    tokenizer = fit_tokenizer(texts, 400)
    architecture(name, vocab_size=len(tokenizer), positions=512).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module", params=["gpt_neox", "llama"])
def study(request, tmp_path_factory):
    """The study ``mine``: the README's blocks, with the paths and the sizes of a tiny one."""
    root = tmp_path_factory.mktemp(request.param)
    data = root / "data"
    data.mkdir()
    write_model(root / "model", write_documents(data), request.param)
    blocks = readme_blocks()
    config = merged(blocks["study"], blocks["model"])
    assert config["model"]["source"] == "pretrained"
    config["data"] = str(data)
    config["model"]["pretrained"] = {"path": str(root / "model")}
    config["model"]["device"] = "cpu"  # the README's study has a GPU
    config["corpus"]["shards"] = 2
    config["attribution"]["projection_dim"] = 4
    config["influence"] = {"permutations": 99, "bootstraps": 99}
    clone = Clone(root / "atlas")
    (clone.folder / "configs" / "mine.yaml").write_text(yaml.safe_dump(config))
    definition = clone.folder / "benchmarks" / "kitchen_safety.yaml"
    definition.write_text(yaml.safe_dump(blocks["title"]))
    shutil.rmtree(clone.folder / "docs")
    code, text = clone.run("--configfile", "configs/mine.yaml", timeout=1800)
    assert code == 0, text[-5000:]
    return clone


@pytest.mark.slow
@pytest.mark.parametrize("study", ["gpt_neox"], indirect=True)
def test_the_published_folder_runs_the_study_again_to_the_same_map(study, tmp_path):
    """Elsewhere, with other folders of data, from its config and definitions alone."""
    code, text = study.run("--configfile", "configs/mine.yaml", "--", "publish")
    assert code == 0, text[-3000:]
    folder, root = study.folder / "results" / "mine" / "publish", study.folder.parent
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [w for w in (str(root), str(Path.home()) + "/") if w.encode() in content], path
    sample = pl.read_parquet(folder / "corpus" / "sample.parquet")
    assert sample["file"].unique().to_list() == ["pages-0.jsonl.zst"]
    assert "looked for at `<data>/model`" in (folder / "README.md").read_text()

    again = Clone(tmp_path / "again")
    shutil.copytree(folder / "definitions", again.folder / "benchmarks", dirs_exist_ok=True)
    shutil.copytree(root / "data", again.folder / "data")
    shutil.copytree(root / "model", again.folder / "data" / "model")
    words = ("--configfile", folder / "config.yaml", "--")
    target = Path("results", "mine", "influence", "bin_influence.parquet")
    code, text = again.run(*words, target)
    assert code == 0, text[-3000:]
    assert (again.folder / target).read_bytes() == (study.folder / target).read_bytes()
    assert "Nothing to be done" in again.run("--dry-run", *words, target)[1]


@pytest.mark.slow
def test_the_study_of_the_readme_runs_to_its_map(study):
    results = study.folder / "results" / "mine"
    record = read_json(results / "model" / "model.json")
    assert record["source"] == "folder"
    assert set(record["files"]) == {"config.json", "model.safetensors"}
    bins = pl.read_parquet(results / "influence" / "bin_influence.parquet")
    filled = bins.filter(pl.col("n_docs") > 0)
    assert filled["n_docs"].to_list() == [20] * 9
    assert filled["influence"].is_finite().all()
    assert filled["se"].is_finite().all()
    assert bins.filter(pl.col("n_docs") == 0)["influence"].null_count() == 576 - 9
    answers = read_json(results / "benchmarks" / "kitchen_safety" / "results.json")
    assert answers["n_questions"] == 12
    # bfloat16 passed its gate against float32, and rows are halves.
    assert (results / "report" / "figures" / "map_kitchen_safety.png").stat().st_size > 10_000
    assert study.run("--dry-run", "--configfile", "configs/mine.yaml")[1].count("Nothing to be")


@pytest.mark.slow
def test_other_weights_in_the_same_folder_are_another_model(study):
    """A finished study stayed on the old model without a word."""
    weights = study.folder.parent / "model" / "model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        rules = {job.split()[0] for job in study.plan("--configfile", "configs/mine.yaml")}
    finally:
        weights.write_bytes(before)
    assert {"reference_model", "fit_preconditioner", "answer_benchmark"} <= rules
    assert not rules & {"index_documents", "sample_bins", "collect_documents"}
