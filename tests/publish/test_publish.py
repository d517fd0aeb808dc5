"""The folder to share: complete, described, true to its checksums, without texts."""

import base64
import json
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from tests.support import rule_call, write_arc
from tests.validation.conftest import filled_columns
from workflow_scripts.common.bin_matrix import read_matrix
from workflow_scripts.common.config.load import ROOT, load_study
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import file_digest, write_json
from workflow_scripts.common.provenance import write_sidecar
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.publish import publish
from workflow_scripts.publish.anonymous import check_anonymous, without_paths
from workflow_scripts.publish.crate import METADATA, licence
from workflow_scripts.publish.places import places_of
from workflow_scripts.publish.questions import share_benchmarks
from workflow_scripts.publish.selection import shared_runs, shared_targets
from workflow_scripts.publish.shared_tables import (
    bin_matrix,
    check_no_text,
    table_name,
    text_pieces,
)

SETTINGS = {"text": False, "scores": False, "adapters": True, "licence": "CC-BY-4.0"}
SECRET = "The ferry to the northern islands leaves at noon when the harbour bell is rung twice."


def make_bins():
    """Two benchmarks; the first bin holds no documents."""
    rows = [
        {
            "benchmark": name,
            "topic": topic,
            "format": format_,
            "n_docs": 0 if not index else index % 7 + 1,
            "influence": None if not index else sign * index / 1000,
        }
        for name, sign in (("a", 1.0), ("b", -1.0))
        for index, (topic, format_) in enumerate(BINS)
    ]
    return filled_columns("influence/bin_influence", pl.DataFrame(rows, infer_schema_length=None))


def share(folder, per_bin=10_000, **settings):
    """A small study on disk and what the rule makes of it."""
    config = load_study() | {"study": "tiny"}
    config["corpus"]["documents_per_bin"] = per_bin
    results = folder / "results" / "tiny"
    table = results / "influence" / "bin_influence.parquet"
    write_table(make_bins(), table, "influence/bin_influence")
    write_sidecar(table, "gather_bins", {"seed": 1}, {})
    write_json(results / "benchmarks" / "a" / "results.json", {"accuracy": 0.5})
    adapter = results / "unlearning" / "a" / "top01" / "seed1" / "targeted.safetensors"
    adapter.parent.mkdir(parents=True)
    adapter.write_bytes(b"weights")
    examples = results / "influence" / "examples.parquet"
    row = {"benchmark": "a", "doc_id": "d1", "text": SECRET, "topic": BINS[1][0]}
    made = filled_columns("influence/examples", pl.DataFrame([row | {"format": BINS[1][1]}]))
    write_table(made, examples, "influence/examples")
    files = [table, results / "benchmarks" / "a" / "results.json", adapter, examples]
    call = rule_call(
        "publish",
        input={"study": [str(path) for path in files]},
        output={"sums": results / "publish" / "SHA256SUMS"},
        params={
            "settings": SETTINGS | {"date": "2026-02-03"} | settings,
            "config": config,
        },
    )
    (results / "publish").mkdir()
    publish.main(call)
    return SimpleNamespace(folder=results / "publish", results=results, call=call)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return share(tmp_path_factory.mktemp("share"))


def test_folder_passes_its_own_checksums_and_they_name_every_file(shared):
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=shared.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {line.split()[1] for line in (shared.folder / "SHA256SUMS").read_text().splitlines()}
    there = {
        path.relative_to(shared.folder).as_posix()
        for path in shared.folder.rglob("*")
        if path.is_file()
    }
    assert there == listed | {"SHA256SUMS"}
    assert "unlearning/a/top01/seed1/targeted.safetensors" in listed
    examples = pl.read_parquet(shared.folder / "influence" / "examples.parquet")
    assert examples["text"].to_list() == [None]  # the words stay at home, the row does not


def test_a_changed_byte_fails_the_checksums(tmp_path):
    folder = share(tmp_path).folder
    with (folder / "bin_matrix.csv").open("a") as handle:
        handle.write("x")
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder)
    assert done.returncode != 0


def test_matrix_has_a_row_a_bin_and_empty_bins_stay_empty(shared):
    for matrix in (
        pl.read_csv(shared.folder / "bin_matrix.csv"),
        pl.read_parquet(shared.folder / "bin_matrix.parquet"),
    ):
        assert matrix.columns == ["topic", "format", "doc_count", "a", "b"]
        assert matrix.height == 576
        first = matrix.filter(topic=BINS[0][0], format=BINS[0][1]).row(0)
        assert first[2:] == (0, None, None)
        row = matrix.filter(topic=BINS[30][0], format=BINS[30][1]).row(0)
        assert row[2:] == (30 % 7 + 1, 0.03, -0.03)


@pytest.mark.parametrize("name", ["bin_matrix.csv", "bin_matrix.parquet"])
def test_published_matrix_is_a_study_of_a_matrix_with_every_value_and_count(shared, name):
    matrix = read_matrix(str(shared.folder / name))
    assert matrix.benchmarks == ("a", "b")
    for row in make_bins().iter_rows(named=True):
        place = row["topic"], row["format"]
        assert matrix.values[place][row["benchmark"]] == row["influence"]
        assert matrix.counts[place] == row["n_docs"]


def test_matrix_does_not_depend_on_the_order_of_the_rows_of_bins():
    bins = make_bins()
    assert bin_matrix(bins.sort("benchmark", "influence")).equals(bin_matrix(bins))


def test_metadata_is_a_crate_whose_parts_are_the_files(shared):
    crate = json.loads((shared.folder / METADATA).read_text())
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    assert entities[METADATA]["conformsTo"]["@id"] == "https://w3id.org/ro/crate/1.1"
    root = entities["./"]
    assert root["datePublished"] == "2026-02-03"
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    for part in root["hasPart"]:
        entity, path = entities[part["@id"]], shared.folder / part["@id"]
        assert entity["@type"] == "File"
        assert entity["contentSize"] == str(path.stat().st_size)
    assert "influence/bin_influence.parquet" in {part["@id"] for part in root["hasPart"]}
    assert "benchmark" in entities["influence/bin_influence.parquet"]["description"]


def test_licences_are_web_addresses_where_they_can_be():
    assert licence("https://example.org/l") == {"@id": "https://example.org/l"}
    assert licence("All rights reserved") == "All rights reserved"


def test_folder_says_what_is_in_it_and_where_it_comes_from(shared):
    page = (shared.folder / "README.md").read_text()
    for name in ("bin_matrix.csv", "influence", "unlearning", "schemas", "SHA256SUMS"):
        assert f"| `{name}` |" in page
    assert "| `attribution` |" not in page
    assert "no text of documents" in page and "CC-BY-4.0" in page
    records = json.loads((shared.folder / "provenance.json").read_text())
    assert records["influence/bin_influence.parquet"]["rule"] == "gather_bins"
    assert (shared.folder / "config.yaml").read_text().startswith("study: tiny")
    assert load_study(shared.folder / "config.yaml")["study"] == "tiny"


def test_second_run_leaves_nothing_of_the_first(tmp_path):
    study = share(tmp_path)
    before = (study.folder / "SHA256SUMS").read_bytes()
    (study.folder / "old").mkdir()
    (study.folder / "old" / "left.txt").write_text("left")
    publish.main(study.call)
    assert not (study.folder / "old").exists()
    assert (study.folder / "SHA256SUMS").read_bytes() == before


def test_gradients_are_never_shared_and_scores_when_asked_for():
    targets = ["r/attribution/scores/a.parquet", "r/attribution/preconditioner/settings.json"]
    targets.append("r/influence/bin_influence.parquet")
    assert shared_targets(targets, {"scores": False}) == targets[2:]
    assert shared_targets(targets, {"scores": True}) == [targets[0], targets[2]]


def test_adapters_can_be_left_out():
    runs = ["r/unlearning/a/top01/seed1/run.json"]
    assert len(shared_runs(runs, ["targeted", "random"], True)) == 5
    names = {path.rsplit("/", 1)[1] for path in shared_runs(runs, ["targeted"], False)}
    assert names == {"sets.parquet", "history.parquet", "run.json"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("influence/bin_influence.parquet", "influence/bin_influence"),
        ("validation/bins/tfidf.parquet", "influence/bin_influence"),
        ("unlearning/a/top01/seed42/sets.parquet", "unlearning/sets"),
        ("unlearning/a/top01/evaluation/b.parquet", "unlearning/evaluation"),
        ("unlearning/a/top01/halves/evaluation.parquet", "unlearning/evaluation"),
        ("unlearning/a/top01/halves/seed42/history.parquet", "unlearning/history"),
        ("benchmarks/a/answers.parquet", "benchmarks/answers"),
        ("report/figures/map_a.csv", None),
        ("elsewhere/x.parquet", None),
    ],
)
def test_tables_are_known_by_their_place(path, name):
    assert table_name(path) == name


def test_a_page_with_text_of_a_document_is_refused_by_name(tmp_path):
    examples = pl.DataFrame({"doc_id": ["d1", "d2"], "text": [SECRET, None]})
    (tmp_path / "page.html").write_text(f"<p>{SECRET}</p>")
    with pytest.raises(DataError, match=r"page\.html holds text of document d1; set 'influence"):
        check_no_text(tmp_path, text_pieces(examples))
    (tmp_path / "page.html").write_text("<p>A map.</p>")
    check_no_text(tmp_path, text_pieces(examples))


def folder_of_a_machine(root):
    """A study whose files name places of the machine: its data, a model elsewhere, the project."""
    data, model = root / "private" / "corpora", root / "models" / "mine"
    results = root / "project" / "results" / "tiny"
    table = results / "influence" / "bin_influence.parquet"
    write_table(make_bins(), table, "influence/bin_influence")
    sample = filled_columns(
        "corpus/sample",
        pl.DataFrame(
            {
                "doc_id": ["d1", "d2"],
                "topic": [BINS[0][0]] * 2,
                "format": [BINS[0][1]] * 2,
                "draw_rank": [0, 1],
                "n_tokens_estimate": [3, 4],
                "part": ["p0000"] * 2,
                "file": [str(data / "a.jsonl"), str(data / "sub" / "b.jsonl")],
                "row": [1, 2],
            }
        ),
    )
    write_table(sample, results / "corpus" / "sample.parquet", "corpus/sample")
    write_json(results / "model" / "model.json", {"path": str(model), "source": "folder"})
    page = results / "report" / "report.html"
    page.parent.mkdir(parents=True)
    inside = base64.b64encode(f"a figure; nothing of it {'x' * 40}".encode()).decode()
    page.write_text(f"<p>{root}/project/rules/a.smk</p><img src='data:x;base64,{inside}'>")
    files = [table, results / "corpus" / "sample.parquet", results / "model" / "model.json", page]
    config = load_study() | {"study": "tiny", "data": str(data)}
    config["model"]["pretrained"]["path"] = str(model)
    config["corpus"]["files"]["documents"] = [f"{data}/*.jsonl", "<data>/more/*.jsonl"]
    return rule_call(
        "publish",
        input={"study": [str(path) for path in files]},
        output={"sums": results / "publish" / "SHA256SUMS"},
        params={"settings": SETTINGS | {"date": "2026-02-03"}, "config": config},
    )


def test_no_file_names_a_place_or_a_person_of_the_machine(tmp_path, monkeypatch):
    call = folder_of_a_machine(tmp_path)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path / "home-of-someone"))
    monkeypatch.setenv("LOGNAME", "someone-unlikely")
    folder = tmp_path / "project" / "results" / "tiny" / "publish"
    folder.mkdir()
    publish.main(call)
    words = [str(tmp_path), "someone", f"@{socket.gethostname()}"]
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content = (
                    pl.read_parquet(path).write_csv().encode()
                    if "bin_matrix" in path.name
                    else (pl.read_parquet(path).select(pl.col(pl.String)).write_csv().encode())
                )
            assert not [word for word in words if word.encode() in content], path
    sample = pl.read_parquet(folder / "corpus" / "sample.parquet")
    assert sample["file"].to_list() == ["<data>/a.jsonl", "<data>/sub/b.jsonl"]
    shared = load_study(folder / "config.yaml")
    assert shared["data"] == "data"
    assert shared["corpus"]["files"]["documents"] == ["<data>/*.jsonl", "<data>/more/*.jsonl"]
    assert shared["model"]["pretrained"]["path"] == "<data>/mine"
    page = (folder / "README.md").read_text()
    assert "looked for at `<data>/mine`" in page
    assert "replaced in `corpus/sample.parquet`, `model/model.json`, `report/report.html`" in page
    assert "<p>rules/a.smk</p>" in (folder / "report" / "report.html").read_text()


def test_a_path_that_is_embedded_is_refused_by_the_file(tmp_path):
    places = places_of(load_study() | {"data": "/srv/private/corpora"}, Path("/srv/project"))
    hidden = base64.b64encode(b"read from /srv/private/corpora/a.jsonl by someone").decode()
    (tmp_path / "page.html").write_text(f"<img src='data:x;base64,{hidden}'>")
    with pytest.raises(DataError, match=r"page\.html holds '/srv/private/corpora'"):
        check_anonymous(tmp_path, places)


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("/srv/private/corpora/a.jsonl", "<data>/a.jsonl"),
        ("/srv/private/corpora", "<data>"),
        ("'/srv/private/corpora'.", "'<data>'."),
        ("/srv/private/corpora2/a", "/srv/private/corpora2/a"),
        ("/srv/project/rules/a.smk", "rules/a.smk"),
        ("https://example.org/srv/project/x", "https://example.org/srv/project/x"),
        ("file:///srv/project/x", "file://x"),
    ],
)
def test_paths_are_replaced_whole(text, shared):
    places = places_of(load_study() | {"data": "/srv/private/corpora"}, Path("/srv/project"))
    assert places.replace(text) == shared
    assert places.found_in(shared) is None


def test_files_below_a_relative_data_folder_are_named_by_it():
    frame = pl.DataFrame({"file": ["../texts/a.jsonl", "other/b.jsonl"], "text": ["/srv/p", "x"]})
    places = places_of(load_study(), Path("/srv/p"))
    shared = without_paths(frame, "../texts", places)
    assert shared["file"].to_list() == ["<data>/a.jsonl", "other/b.jsonl"]
    assert shared["text"].to_list() == ["/srv/p", "x"]  # what a document says is left as it is


def test_definitions_stand_in_the_folder_with_digests_of_their_questions(shared):
    names = load_study()["benchmarks"]
    for name in names:
        copy = shared.folder / "definitions" / f"{name}.yaml"
        assert copy.read_bytes() == (ROOT / "benchmarks" / f"{name}.yaml").read_bytes()
    digests = json.loads((shared.folder / "definitions" / "questions.json").read_text())
    assert list(digests) == sorted(names)


def test_digests_are_those_of_the_local_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_arc(tmp_path)
    config = load_study() | {"benchmarks": ["arc_challenge"], "data": str(tmp_path)}
    share_benchmarks(tmp_path / "out", config, places_of(config))
    (entry,) = json.loads((tmp_path / "out/definitions/questions.json").read_text())[
        "arc_challenge"
    ]
    file = "arc_challenge/ARC-Challenge-Dev.jsonl"
    assert entry["file"] == f"<data>/{file}"
    assert entry["sha256"] == file_digest(tmp_path / file)


def test_page_says_what_weights_of_capped_counts_are(tmp_path):
    """A bin of 7 of at most 7 documents may hold more in the corpus; its count is no mass."""
    study = share(tmp_path, per_bin=7)
    page = " ".join((study.folder / "README.md").read_text().split())
    assert "at most 7 in a bin; 82 of 576 bins have that many and may hold more" in page
    assert "are those of the draw, not of the corpus" in page
    assert "at most" not in (share(tmp_path / "more").folder / "README.md").read_text()


def test_the_header_of_an_adapter_is_looked_at(tmp_path):
    places = places_of(load_study() | {"data": "/srv/private/corpora"}, Path("/srv/project"))
    save_file({"a": np.zeros(2)}, tmp_path / "a.safetensors", {"base": "/srv/project/model"})
    with pytest.raises(DataError, match=r"a\.safetensors holds '/srv/project'"):
        check_anonymous(tmp_path, places)
    save_file({"a": np.zeros(2)}, tmp_path / "a.safetensors", {"base": "model"})
    check_anonymous(tmp_path, places)
