"""Hub datasets, on a local cache laid out as huggingface_hub lays it out; no network."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from tests.support import rule_call, write_arc
from tests.workflow.clone import Clone
from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError, DataError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.sources import collect_documents, fetch_files, index_documents
from workflow_scripts.corpus.sources.hub import listing_text, matching
from workflow_scripts.corpus.sources.list_hub import hub_sizes, write_listing
from workflow_scripts.corpus.sources.sources import beside, source_files, source_layout

REVISION = "0123456789abcdef0123456789abcdef01234567"
DATASET = "some-lab/some-texts"


class Cache:
    """A cache with one dataset at one revision: blobs by digest, links to them in a snapshot."""

    def __init__(self, folder):
        self.folder = folder
        self.dataset = folder / "datasets--some-lab--some-texts"
        self.snapshot = self.dataset / "snapshots" / REVISION

    def add(self, name, source):
        """Move a file to where the cache would have it."""
        blob = self.dataset / "blobs" / hashlib.sha256(source.read_bytes()).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        source.rename(blob)
        link = self.snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return Cache(tmp_path / "cache")


def study(tmp_path, documents=("*.jsonl.zst",), numbering=None, **section):
    hub = {
        "dataset": DATASET,
        "revision": REVISION,
        "listing": str(tmp_path / "files.tsv"),
        "documents": list(documents),
        **section,
    }
    corpus = {"source": "hub", "hub": hub, "numbering": numbering or {}}
    return {"study": "t", "benchmarks": ["b"], "corpus": corpus}


def through_the_rules(config, folder):
    """Fetch, index and draw everything of one part; returns manifest and texts by id."""
    layout = source_layout(config)
    files = source_files(config, "results/t")
    sizes = dict(reversed(line.split("\t")) for line in listing(config)[1:])
    others = beside(files, layout)
    call = rule_call(
        "fetch_files",
        output={"receipt": folder / "r.json"},
        params={
            "layout": layout,
            "documents": files,
            "beside": others,
            "sizes": [int(sizes[name]) for name in files + others],
            "offline": False,
        },
    )
    fetch_files.main(call)
    source = {"documents": [], "attributes": [], "receipt": [str(folder / "r.json")]}
    call = rule_call(
        "index_documents",
        input=source,
        output={"manifest": folder / "m.parquet", "malformed": folder / "m.json"},
        params={"layout": layout, "strict": True},
    )
    index_documents.main(call)
    manifest = read_table(folder / "m.parquet", "corpus/manifest")
    sample = manifest.drop("n_chars", "source", "url_domain")
    ranked = sample.with_row_index("draw_rank").with_columns(pl.lit("p0000").alias("part"))
    write_table(ranked, folder / "s.parquet", "corpus/sample")
    call = rule_call(
        "collect_documents",
        input={**source, "sample": str(folder / "s.parquet")},
        output={"documents": folder / "d.parquet"},
        params={"layout": layout},
        wildcards={"part": "p0000"},
    )
    collect_documents.main(call)
    texts = read_table(folder / "d.parquet", "corpus/documents")
    return manifest, dict(texts.select("doc_id", "text").iter_rows())


def listing(config):
    return Path(config["corpus"]["hub"]["listing"]).read_text().splitlines()


def as_documents(rows):
    """Rows as a web corpus has them: id and URL inside the metadata, labels elsewhere."""
    return [{"text": row["text"], "metadata": {"id": row["id"], "url": row["url"]}} for row in rows]


NESTED = {"id": "metadata.id", "url": "metadata.url"}


def check(rows, manifest, texts):
    assert texts == {row["id"]: row["text"] for row in rows}
    found = {row["doc_id"]: row for row in manifest.iter_rows(named=True)}
    for row in rows:
        assert (found[row["id"]]["topic"], found[row["id"]]["format"]) == (
            row["topic"],
            row["format"],
        )
    assert not any(file.startswith("/") for file in manifest["file"])


def test_labels_as_numbers_in_files_beside_the_documents(cache, made_up, tmp_path):
    """The layout of a corpus whose classifiers' choices are in one .npy file a document file."""
    rows = made_up.rows(40)
    for i, mine in enumerate((rows[:25], rows[25:])):
        path = tmp_path / "x.jsonl.zst"
        made_up.write(path, as_documents(mine))
        cache.add(f"documents/shard_{i}_processed.jsonl.zst", path)
        for kind, labels in (("topic", TOPICS[::-1]), ("format", FORMATS)):
            np.save(tmp_path / "x.npy", [labels.index(row[kind]) for row in mine])
            name = f"domains_{kind}s/shard_{i}_processed__choice.npy"
            cache.add(name, tmp_path / "x.npy")
    columns = {
        **NESTED,
        "topic": "numbers:domains_topics/{stem}__choice.npy",
        "format": "numbers:domains_formats/{stem}__choice.npy",
    }
    numbering = {"topics": list(TOPICS[::-1]), "formats": list(FORMATS)}
    config = complete(study(tmp_path, ["documents/*"], numbering, columns=columns))
    write_listing(config)
    manifest, texts = through_the_rules(config, tmp_path)
    check(rows, manifest, texts)
    assert set(manifest["file"]) == {f"documents/shard_{i}_processed.jsonl.zst" for i in (0, 1)}
    assert read_json(tmp_path / "r.json")["documents"] == sorted(set(manifest["file"]))


@pytest.mark.parametrize("kind", ["parquet", "jsonl.gz"])
def test_labels_by_id_in_a_manifest_apart_from_the_texts(cache, made_up, tmp_path, kind):
    rows = made_up.rows(40)
    made_up.write(tmp_path / "x.jsonl.zst", [{"id": r["id"], "text": r["text"]} for r in rows])
    cache.add("texts/0.jsonl.zst", tmp_path / "x.jsonl.zst")
    labels = [{"doc": r["id"], "tag": r["topic"], "form": r["format"]} for r in rows[::-1]]
    made_up.write(tmp_path / f"x.{kind}", labels)
    cache.add(f"manifest.{kind}", tmp_path / f"x.{kind}")
    config = study(
        tmp_path,
        columns={"topic": "manifest:tag", "format": "manifest:form"},
        manifest={"files": ["manifest.*"], "id": "doc"},
    )
    config = complete(config)
    write_listing(config)
    check(rows, *through_the_rules(config, tmp_path))


def test_parquet_with_dotted_places(cache, made_up, tmp_path):
    rows = made_up.rows(20)
    nested = [
        {**document, "labels": {"topic": row["topic"], "format": row["format"]}}
        for document, row in zip(as_documents(rows), rows, strict=True)
    ]
    pl.DataFrame(nested).write_parquet(tmp_path / "x.parquet")
    cache.add("data/train-0.parquet", tmp_path / "x.parquet")
    columns = {**NESTED, "topic": "labels.topic", "format": "labels.format"}
    config = complete(study(tmp_path, ["data/*.parquet"], columns=columns))
    write_listing(config)
    manifest, texts = through_the_rules(config, tmp_path)
    check(rows, manifest, texts)
    assert manifest["url_domain"].null_count() < 20


def test_complete_file_is_not_fetched_again_and_missing_one_is_one_line_offline(
    cache, made_up, tmp_path
):
    path = tmp_path / "x.jsonl"
    made_up.write(path, made_up.rows(5))
    size = path.stat().st_size
    cache.add("a.jsonl", path)
    config = complete(study(tmp_path, ["*.jsonl"]))
    (tmp_path / "files.tsv").write_text(
        listing_text(DATASET, REVISION, {"a.jsonl": size, "b.jsonl": 10})
    )
    layout = source_layout(config)
    before = (cache.snapshot / "a.jsonl").resolve().stat()
    fetch_files.fetch("a.jsonl", size, layout)
    assert (cache.snapshot / "a.jsonl").resolve().stat() == before
    with pytest.raises(DataError, match=r"^b\.jsonl of dataset some-lab/some-texts .* offline; "):
        fetch_files.fetch("b.jsonl", 10, layout)
    with pytest.raises(DataError, match=rf"a\.jsonl has {size:,} bytes, but .* says {size + 1:,}"):
        fetch_files.fetch("a.jsonl", size + 1, layout)
    (cache.snapshot / "a.jsonl").unlink()
    receipt = tmp_path / "r.json"
    receipt.write_text(json.dumps({"documents": ["a.jsonl"], "beside": []}))
    with pytest.raises(DataError, match=r"a\.jsonl of dataset .* is no longer in .*snapshots"):
        fetch_files.open_source([], [str(receipt)], layout)


def test_config_key_offline_fetches_nothing_even_where_there_is_a_network(cache, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    layout = {"dataset": DATASET, "revision": REVISION}
    with pytest.raises(DataError, match="this run is offline"):
        fetch_files.fetch("b.jsonl", 10, layout, offline=True)


def test_numbers_that_do_not_fit_the_documents_name_both_files(cache, made_up, tmp_path):
    path = tmp_path / "documents.jsonl"
    made_up.write(path, [{**row, "topic": None} for row in made_up.rows(5)])
    layout = {**made_up.table, "kind": "hub", "topic": "numbers:{stem}.npy", "topics": list(TOPICS)}
    for count, message in ((4, "4 numbers, but .*goes on at row 5"), (6, "6 .*ends at row 5")):
        np.save(tmp_path / "documents.npy", np.zeros(count, np.int64))
        with pytest.raises(DataError, match=rf"documents\.npy has {message}"):
            made_up.index(["documents.jsonl"], layout, root=str(tmp_path))
    np.save(tmp_path / "documents.npy", np.zeros((5, 24)))
    with pytest.raises(DataError, match=r"shape \(5, 24\).*one whole number a document"):
        made_up.index(["documents.jsonl"], layout, root=str(tmp_path))
    np.save(tmp_path / "documents.npy", np.array([0, 1, 2, 23, 24]))
    manifest, malformed = made_up.index(["documents.jsonl"], layout, root=str(tmp_path))
    assert manifest["topic"].to_list() == [TOPICS[i] for i in (0, 1, 2, 23)]
    problem = malformed.reasons["unknown_topic"]["examples"][0]
    assert problem["row"] == 5
    assert "topic is the number 24; corpus.numbering.topics counts 24 from 0" in problem["detail"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "texts"}, r"corpus\.hub\.dataset' is 'texts'"),
        ({"revision": "main"}, r"corpus\.hub\.revision' is 'main'.*40 digits"),
        ({"listing": ""}, r"corpus\.hub\.listing' is empty.*list_hub"),
        ({"listing": "no/such.tsv"}, r"'no/such\.tsv', which is not there; write it once"),
        ({"revision": "f" * 40}, r"files\.tsv:1 is '# some-lab/some-texts 0123.*write the listing"),
        ({"documents": ["*.zip"]}, r"corpus\.hub\.documents': '\*\.zip' matches none of the 2"),
        ({"documents": ["*"]}, r"names 'b\.npy'; allowed are files that end in"),
        (
            {"columns": {"topic": "numbers:x/{stem}.npy"}},
            r"has no file 'x/a\.npy', in which corpus\.hub\.columns",
        ),
        ({"manifest": {"files": ["m*"]}}, r"corpus\.hub\.manifest\.files': 'm\*' matches none"),
    ],
)
def test_bad_hub_section_is_one_line_that_names_the_key(tmp_path, change, message):
    text = listing_text(DATASET, REVISION, {"a.jsonl.zst": 10, "b.npy": 20})
    (tmp_path / "files.tsv").write_text(text)
    config = complete(study(tmp_path, **change))
    with pytest.raises(ConfigError, match=message) as error:
        source_files(config, "results/t")
    assert "\n" not in str(error.value)


def test_a_hub_out_of_reach_is_one_line_that_names_the_dataset(monkeypatch):
    from huggingface_hub import HfApi
    from huggingface_hub.utils import _http

    def refused(*args, **kwargs):
        raise _http.httpx2.ConnectError("[Errno 111] Connection refused\nand more")

    monkeypatch.setattr(HfApi, "list_repo_tree", refused)
    with pytest.raises(DataError) as error:
        hub_sizes({"dataset": DATASET, "revision": REVISION})
    assert str(error.value) == f"{DATASET} cannot be listed: [Errno 111] Connection refused"


def test_damaged_listing_names_the_line(tmp_path):
    text = listing_text(DATASET, REVISION, {"a.jsonl.zst": 10})
    (tmp_path / "files.tsv").write_text(text + "ten b.jsonl.zst\n")
    with pytest.raises(ConfigError, match=r"files\.tsv:3 is 'ten b\.jsonl\.zst'; allowed: <bytes>"):
        source_files(complete(study(tmp_path)), "results/t")


@pytest.mark.slow
def test_plan_of_a_hub_study_with_classifiers_needs_no_network_and_no_cache(tmp_path):
    """The listing alone says which files there are; nothing of the dataset is on this machine."""
    clone = Clone(tmp_path / "atlas")
    files = {f"documents/{i:02d}.jsonl.zst": 2**30 for i in range(12)}
    (tmp_path / "files.tsv").write_text(listing_text(DATASET, REVISION, files))
    config = study(tmp_path)
    write_arc(tmp_path)
    config.update(benchmarks=["arc_challenge"], data=str(tmp_path), unlearning={"benchmarks": []})
    config["corpus"]["hub"]["columns"] = {"topic": "", "format": ""}
    config["corpus"].update(
        parts=3, annotate={"topic_model": "a/b", "format_model": "a/c"}, shards=2
    )
    (tmp_path / "hub.yaml").write_text(yaml.safe_dump(config))
    jobs = clone.plan("--configfile", tmp_path / "hub.yaml")
    for rule in ("fetch_files", "annotate_part", "index_documents", "collect_documents"):
        assert {job for job in jobs if job.startswith(rule)} == {
            f"{rule} p000{i}" for i in range(3)
        }


@pytest.mark.slow
def test_study_from_the_cache_runs_offline_and_another_draw_indexes_nothing_again(
    cache, made_up, tmp_path, monkeypatch
):
    """Through Snakemake, as a person runs it: four files in two parts."""
    rows = made_up.rows(80)
    for i in range(4):
        made_up.write(tmp_path / "x.jsonl.zst", rows[20 * i : 20 * i + 20])
        cache.add(f"texts/{i}.jsonl.zst", tmp_path / "x.jsonl.zst")
    config = study(tmp_path)
    write_listing(complete(config))
    write_arc(tmp_path)
    config.update(benchmarks=["arc_challenge"], data=str(tmp_path), unlearning={"benchmarks": []})
    config["corpus"].update(parts=2, documents_per_bin=10)
    (tmp_path / "hub.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("HF_HUB_CACHE", str(cache.folder))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    clone = Clone(tmp_path / "atlas")
    wanted = ["results/t/corpus/cut.parquet", "results/t/corpus/documents/p0001.parquet"]
    words = [*wanted, "--configfile", tmp_path / "hub.yaml"]
    code, text = clone.run(*words)
    assert code == 0, text[-3000:]
    sample = read_table(clone.folder / "results/t/corpus/sample.parquet", "corpus/sample")
    assert set(sample["file"]) == {f"texts/{i}.jsonl.zst" for i in range(4)}
    jobs = clone.plan(*words, "--config", "corpus={documents_per_bin: 12}")
    assert jobs == {"sample_bins", "cut_shards", "collect_documents p0001"}
    (cache.snapshot / "texts" / "3.jsonl.zst").unlink()
    (clone.folder / "results/t/corpus/hub/p0001.json").unlink()
    code, text = clone.run(*words, "--forcerun", "fetch_files")
    assert code != 0
    assert "texts/3.jsonl.zst of dataset some-lab/some-texts is not in the cache" in text


def test_a_path_of_the_listing_is_itself_and_no_pattern():
    names = ["data [v1]/a.jsonl", "data v/a.jsonl", "b.jsonl"]
    assert matching(names, ["data [v1]/a.jsonl"], "key") == names[:1]
    assert matching(names, ["data*/*.jsonl"], "key") == names[:2]
