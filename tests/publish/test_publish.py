"""The folder to share: complete, described, true to its checksums, without texts."""

import json
import subprocess
from types import SimpleNamespace

import polars as pl
import pytest

from tests.support import rule_call
from tests.validation.conftest import filled_columns
from workflow_scripts.common.config import load_study
from workflow_scripts.common.errors import DataError
from workflow_scripts.common.files import write_json
from workflow_scripts.common.matrix import read_matrix
from workflow_scripts.common.provenance import write_sidecar
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.publish import publish
from workflow_scripts.publish.crate import METADATA, licence
from workflow_scripts.publish.selection import shared_runs, shared_targets
from workflow_scripts.publish.tables import bin_matrix, check_no_text, table_name, text_pieces

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


def share(folder, **settings):
    """A small study on disk and what the rule makes of it."""
    results = folder / "results" / "tiny"
    table = results / "influence" / "bin_influence.parquet"
    write_table(make_bins(), table, "influence/bin_influence")
    write_sidecar(table, "gather_bins", {"seed": 1}, {})
    write_json(results / "benchmarks" / "a" / "results.json", {"accuracy": 0.5})
    adapter = results / "unlearning" / "a" / "top01" / "seed1" / "targeted.safetensors"
    adapter.parent.mkdir(parents=True)
    adapter.write_bytes(b"weights")
    files = [table, results / "benchmarks" / "a" / "results.json", adapter]
    call = rule_call(
        "publish",
        input={"study": [str(path) for path in files]},
        output={"sums": results / "publish" / "SHA256SUMS"},
        params={
            "settings": SETTINGS | {"date": "2026-02-03"} | settings,
            "config": load_study() | {"study": "tiny"},
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
