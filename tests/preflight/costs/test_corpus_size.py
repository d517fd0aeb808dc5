"""The size of a study when it is planned: by the draw, by the config, by a look at the files."""

import gzip
import hashlib
import json

import polars as pl
import pytest
import zstandard

from workflow_scripts.common.config.load import ROOT, load_study
from workflow_scripts.common.files import write_json
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.preflight.costs import corpus_size as sizes
from workflow_scripts.preflight.costs.corpus_size import corpus_size
from workflow_scripts.preflight.costs.resources import resources_of
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.preflight.plan import make_plan
from workflow_scripts.preflight.plan_table import render

LOCAL = ROOT / "configs" / "local-text.yaml"
WORDS = "A harbour, a ferry and a bell. "


def rows(count, bins=12):
    """Documents spread over the first bins, the first of which has half of them."""
    for index in range(count):
        place = 0 if index % 2 else (index // 2) % bins
        topic, form = BINS[place]
        salt = hashlib.sha256(str(index).encode()).hexdigest() * 3
        yield {"id": f"d{index}", "text": WORDS * 10 + salt, "topic": topic, "format": form}


def lines(documents):
    return "".join(json.dumps(row) + "\n" for row in documents).encode()


def local(folder, name="corpus.jsonl", **changes):
    """The configuration of a study of the files in a folder."""
    config = load_study(LOCAL)
    config["data"] = str(folder)
    config["corpus"]["files"]["documents"] = [f"<data>/{name}"]
    for section, values in changes.items():
        config[section] |= values
    return config


WRITERS = {
    "corpus.jsonl": lambda path, content: path.write_bytes(content),
    "corpus.jsonl.gz": lambda path, content: path.write_bytes(gzip.compress(content)),
    "corpus.jsonl.zst": lambda path, content: path.write_bytes(
        zstandard.ZstdCompressor().compress(content)
    ),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("count", [60, 40_000])
def test_a_corpus_of_twelve_bins_is_not_planned_as_576_full_ones(tmp_path, name, count):
    WRITERS[name](tmp_path / name, lines(rows(count)))
    size = corpus_size(local(tmp_path, name))
    assert size.origin == sizes.LOOKED
    assert size.bins == 12
    assert size.source_documents == pytest.approx(count, rel=0.1)
    of_bin = [count // 2 + count // 24, *[count // 24] * 11]
    assert size.documents == pytest.approx(sum(min(n, 150) for n in of_bin), rel=0.1, abs=6)
    assert size.mean_tokens == pytest.approx((len(WORDS) * 10 + 192) / 4.8, abs=1)


def test_parquet_is_counted_by_its_own_record(tmp_path):
    pl.DataFrame(list(rows(5000))).write_parquet(tmp_path / "corpus.parquet")
    size = corpus_size(local(tmp_path, "corpus.parquet"))
    assert (size.bins, size.source_documents) == (12, 5000)


def test_the_contract_of_the_draw_goes_before_everything_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.jsonl").write_bytes(lines(rows(60)))
    contract = {"available": {"games": {"faq": 500, "tutorial": 3}}, "documents": 153}
    path = tmp_path / "results/local-text/corpus/sample_contract.json"
    write_json(path, contract | {"tokens_estimated": 15_300})
    config = local(tmp_path, preflight={"bins": 7, "source_documents": 9})
    size = corpus_size(config)
    drawn = (size.bins, size.documents, size.mean_tokens, size.source_documents, size.origin)
    assert drawn == (2, 153, 100, 503, sizes.DRAWN)
    config["corpus"]["documents_per_bin"] = 400
    assert corpus_size(config).documents == 403
    path.write_text("{")
    assert corpus_size(config).origin == sizes.STATED


def test_what_the_config_states_goes_before_the_files(tmp_path):
    (tmp_path / "corpus.jsonl").write_bytes(lines(rows(60)))
    size = corpus_size(local(tmp_path, preflight={"bins": 24, "source_documents": 90}))
    assert (size.bins, size.source_documents, size.origin) == (24, 90, sizes.STATED)
    assert size.documents <= 90
    elsewhere = local(tmp_path / "none", preflight={"bins": 24})
    assert (corpus_size(elsewhere).bins, corpus_size(elsewhere).documents) == (24, 24 * 150)


@pytest.mark.parametrize(
    "content", [b"", b"not json\n", b"[1]\n", b"3\n", b"null\n", b"\x28\xb5\x2f\xfd", b"{}\n" * 3]
)
@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz", "corpus.jsonl.zst"])
def test_what_cannot_be_read_does_not_stop_a_plan(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert corpus_size(local(tmp_path, name)).bins > 0
    (tmp_path / "corpus.parquet").write_bytes(content)
    assert corpus_size(local(tmp_path, "corpus.parquet")).origin == sizes.FULL


def test_a_packed_file_that_is_cut_off_is_no_end_of_the_plan(tmp_path):
    content = gzip.compress(lines(rows(4000)))
    (tmp_path / "corpus.jsonl.gz").write_bytes(content[: len(content) // 2])
    assert corpus_size(local(tmp_path, "corpus.jsonl.gz")).documents > 0


def kitchen(folder, count):
    """Published question files of the local study, each with so many questions."""
    question = {"stem": "Which?", "choices": [{"text": t, "label": t} for t in "AB"]}
    arc = json.dumps({"id": "1", "question": question, "answerKey": "A"}) + "\n"
    (folder / "arc_challenge").mkdir()
    (folder / "arc_challenge" / "ARC-Challenge-Dev.jsonl").write_text(arc * count)


def test_questions_are_counted_in_their_files_and_stated_where_there_are_none(tmp_path):
    kitchen(tmp_path, 24)
    plan = sizes_of(local(tmp_path))
    assert plan.questions("arc_challenge") == 24
    assert plan.questions("socialiqa") > 1000  # its file is not here
    config = local(tmp_path, preflight={"questions": 77})
    config["benchmarks"] = ["arc_challenge"]
    (tmp_path / "arc_challenge" / "ARC-Challenge-Dev.jsonl").write_text("broken\n")
    assert sizes_of(config).questions("arc_challenge") in (77, 299)


def test_the_plan_says_where_its_counts_are_from(tmp_path):
    (tmp_path / "corpus.jsonl").write_bytes(lines(rows(60)))
    text = render(make_plan(sizes_of(local(tmp_path))))
    assert "60 documents in 12 bins (estimated from the files)" in text
    assert "documents in 576 bins (of the planted world)" in render(
        make_plan(sizes_of(load_study()))
    )


def test_requests_follow_the_same_counts(tmp_path):
    (tmp_path / "corpus.jsonl").write_bytes(lines(rows(60)))
    few = resources_of(sizes_of(local(tmp_path)), "attribute_documents")
    full = resources_of(sizes_of(local(tmp_path / "none")), "attribute_documents")
    for name in ("mem_mb", "runtime"):
        assert few[name](None, 1) < full[name](None, 1)
