import json

import polars as pl
import pytest

from tests.support import rule_call
from workflow_scripts.common.errors import ConfigError, DataError, IntegrityError
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.corpus.tokens import copy_tokenizer, fit_tokenizer, tokenize_shard
from workflow_scripts.corpus.tokens.tokenizer_files import load_reference, load_tokenizer

TEXTS = [
    f"The {a} cat {b} on the mat, again and again."
    for a in ("big", "old")
    for b in ("sat", "slept", "ate")
]


def documents(texts=TEXTS):
    return pl.DataFrame(
        {
            "doc_id": [f"d{i}" for i in range(len(texts))],
            "topic": ["health", "games"] * (len(texts) // 2),
            "format": "faq",
            "url_domain": None,
            "text": texts,
        },
        schema_overrides={"url_domain": pl.String},
    )


def fit(folder, frames):
    """Write parts, run fit_tokenizer, return its two files."""
    folder.mkdir(exist_ok=True)
    parts = []
    for i, frame in enumerate(frames):
        parts.append(str(folder / f"p{i:04d}.parquet"))
        write_table(frame, parts[-1], "corpus/documents")
    output = {
        "tokenizer": folder / "tok/tokenizer.json",
        "settings": folder / "tok/tokenizer_config.json",
    }
    call = rule_call(
        "fit_tokenizer", input={"documents": parts}, output=output, params={"vocab_size": 300}
    )
    fit_tokenizer.main(call)
    return parts, output


def test_tokenizer_does_not_depend_on_parts_and_carries_no_path(tmp_path):
    frame = documents()
    _, first = fit(tmp_path / "a", [frame])
    _, second = fit(tmp_path / "b", [frame[3:], frame[:3]])
    for name in first:
        assert first[name].read_bytes() == second[name].read_bytes()
        assert str(tmp_path) not in first[name].read_text()


def run_shard(folder, parts, tokenizer, max_tokens, shard="s0001", frame=None, share=0):
    frame = documents() if frame is None else frame
    sample = frame.select("doc_id", "topic", "format").with_columns(
        draw_rank=pl.Series([5, 4, 3, 2, 1, 0]),
        n_tokens_estimate=pl.lit(10),
        part=pl.lit("p0000"),
        file=pl.lit("f"),
        row=pl.Series(range(1, 7)),
    )
    write_table(sample, folder / "sample.parquet", "corpus/sample")
    folds = sample.select("doc_id", component=0, likeness=0, fold=pl.Series(range(6)))
    write_table(folds, folder / "folds.parquet", "corpus/folds")
    cut = frame.select("doc_id").with_columns(shard=pl.Series(["s0000"] + ["s0001"] * 5))
    write_table(cut, folder / "cut.parquet", "corpus/cut")
    call = rule_call(
        "tokenize_shard",
        input={
            "sample": str(folder / "sample.parquet"),
            "folds": str(folder / "folds.parquet"),
            "cut": str(folder / "cut.parquet"),
            "documents": parts,
            **{name: str(path) for name, path in tokenizer.items()},
        },
        output={"shard": folder / f"{shard}.parquet"},
        params={"max_tokens": max_tokens, "max_malformed_share": share},
        wildcards={"shard": shard},
    )
    tokenize_shard.main(call)
    return read_table(folder / f"{shard}.parquet", "corpus/shards")


def test_shard_holds_its_documents_in_draw_order_cut_at_max_tokens(tmp_path):
    frame = documents()
    parts, tokenizer = fit(tmp_path / "t", [frame[:3], frame[3:]])
    table = run_shard(tmp_path, parts, tokenizer, max_tokens=16)
    # games before health; inside a bin by draw rank, which runs against the ids here.
    assert table["doc_id"].to_list() == ["d5", "d3", "d1", "d4", "d2"]
    assert table["fold"].to_list() == [5, 3, 1, 4, 2]
    loaded = load_tokenizer(tokenizer["tokenizer"])
    for row in table.iter_rows(named=True):
        full = loaded.encode(TEXTS[int(row["doc_id"][1:])], add_special_tokens=False)
        assert row["input_ids"] == full[:16]
        assert (row["n_tokens"], row["n_tokens_full"]) == (min(16, len(full)), len(full))
    whole = run_shard(tmp_path, parts, tokenizer, max_tokens=500)
    assert loaded.decode(whole["input_ids"][0].to_list()) == TEXTS[5]


def test_document_without_text_in_any_part_is_refused_by_id(tmp_path):
    parts, tokenizer = fit(tmp_path / "t", [documents()[:5]])
    with pytest.raises(IntegrityError, match=r"shard s0001 lacks the text of 1 document.*'d5'"):
        run_shard(tmp_path, parts, tokenizer, max_tokens=16)


def with_text(place, text):
    """The documents, one of which has another text."""
    texts = [text if index == place else each for index, each in enumerate(TEXTS)]
    return documents(texts)


def test_a_document_of_one_token_is_refused_where_none_is_tolerated(tmp_path):
    parts, tokenizer = fit(tmp_path / "t", [with_text(3, "x")])
    words = (
        r"document 'd3' has 1 token\(s\), text 'x'; .*where 0 .*raise corpus.max_malformed_share"
    )
    with pytest.raises(DataError, match=words) as caught:
        run_shard(tmp_path, parts, tokenizer, 16)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="document 'd3'"):
        run_shard(tmp_path, parts, tokenizer, 16, share=0.16)  # of 6 documents: less than one


def test_a_document_of_one_token_is_left_out_within_the_tolerated_share(tmp_path, caplog):
    parts, tokenizer = fit(tmp_path / "t", [with_text(3, "x")])
    with caplog.at_level("WARNING", logger="atlas"):
        table = run_shard(tmp_path, parts, tokenizer, 16, share=0.2)
    assert table["doc_id"].to_list() == ["d5", "d1", "d4", "d2"]
    assert table["fold"].to_list() == [5, 1, 4, 2]
    assert "left out 1 document(s) with nothing to predict: document 'd3'" in caplog.text


def test_a_shard_without_any_document_to_predict_is_refused(tmp_path):
    parts, tokenizer = fit(tmp_path / "t", [with_text(0, "x")])
    with pytest.raises(DataError, match=r"none of the 1 documents .*lower corpus.shards"):
        run_shard(tmp_path, parts, tokenizer, 16, shard="s0000", share=1)


def test_documents_begin_with_what_the_tokenizer_puts_in_front_and_it_counts(tmp_path):
    """And end without what it puts behind, as questions do."""
    parts, tokenizer = fit(tmp_path / "t", [documents()])
    plain = run_shard(tmp_path, parts, tokenizer, 16)
    content = json.loads(tokenizer["tokenizer"].read_text())
    end = {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [end, {"Sequence": {"id": "A", "type_id": 0}}, end],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {
            "<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}
        },
    }
    tokenizer["tokenizer"].write_text(json.dumps(content))
    framed = run_shard(tmp_path, parts, tokenizer, 16)
    assert framed["n_tokens_full"].to_list() == [n + 1 for n in plain["n_tokens_full"]]
    for with_front, without in zip(framed["input_ids"], plain["input_ids"], strict=True):
        assert with_front.to_list() == [0, *without.to_list()][:16]
    # One token after it is something to predict.
    short = documents(["x"] * 6)
    parts, _ = fit(tmp_path / "short", [short])
    assert set(run_shard(tmp_path, parts, tokenizer, 16)["n_tokens"]) == {2}


def test_pretrained_tokenizer_is_taken_over_from_a_local_folder(tmp_path):
    _, source = fit(tmp_path / "t", [documents()])
    output = {
        "tokenizer": tmp_path / "c/tokenizer.json",
        "settings": tmp_path / "c/tokenizer_config.json",
    }
    params = {"path": str(tmp_path / "t/tok"), "revision": ""}
    copy_tokenizer.main(
        rule_call("copy_tokenizer", input={"files": []}, output=output, params=params)
    )
    first, second = (load_tokenizer(files["tokenizer"]) for files in (source, output))
    assert first.get_vocab() == second.get_vocab()
    assert first.encode(TEXTS[0]) == second.encode(TEXTS[0])
    assert first.eos_token == second.eos_token == "<|endoftext|>"
    assert output["settings"].read_bytes() == source["settings"].read_bytes()
    settings = output["settings"].read_text()
    assert str(tmp_path) not in settings
    assert json.loads(settings)["eos_token"] == "<|endoftext|>"


def test_a_tokenizer_that_does_not_survive_its_copy_is_refused(tmp_path):
    from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer as fitted

    first, second = fitted(TEXTS, 300), fitted(["other words altogether, of another text"], 300)
    copy_tokenizer.check_copy(first, first, "path")
    with pytest.raises(IntegrityError, match=r"'path' .* does not survive being saved"):
        copy_tokenizer.check_copy(first, second, "path")


def test_folder_without_tokenizer_and_unpinned_hub_id_are_one_line_errors(tmp_path):
    with pytest.raises(ConfigError, match=r"model\.pretrained\.revision"):
        load_reference("org/name", "")
    with pytest.raises(ConfigError, match="no tokenizer can be loaded") as error:
        load_reference(str(tmp_path), "")
    assert "\n" not in str(error.value)
