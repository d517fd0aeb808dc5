import pytest

from tests.support import rule_call
from workflow_scripts.common.errors import DataError, IntegrityError
from workflow_scripts.common.files import read_json
from workflow_scripts.common.tables import read_table
from workflow_scripts.corpus.sampling import sample_bins
from workflow_scripts.corpus.sources import collect_documents, index_documents
from workflow_scripts.corpus.sources.sources import group_parts


def run_to_sample(folder, files, layout, parts=1, k=6, share=0.0, repeated="malformed"):
    """Run index_documents for each part, then sample_bins; returns the groups of files."""
    folder.mkdir(exist_ok=True)
    groups = group_parts(files, [f"p{i:04d}" for i in range(parts)])
    for part, group in groups.items():
        call = rule_call(
            "index_documents",
            input={"documents": group, "attributes": []},
            output={"manifest": folder / f"{part}.parquet", "malformed": folder / f"{part}.json"},
            params={"layout": layout, "strict": share == 0},
        )
        index_documents.main(call)
    call = rule_call(
        "sample_bins",
        input={
            "manifests": [str(folder / f"{part}.parquet") for part in groups],
            "malformed": [str(folder / f"{part}.json") for part in groups],
        },
        output={"sample": folder / "sample.parquet", "contract": folder / "contract.json"},
        params={
            "parts": list(groups),
            "documents_per_bin": k,
            "max_malformed_share": share,
            "repeated_ids": repeated,
            "seed": 42,
        },
    )
    sample_bins.main(call)
    return groups


def collect(folder, groups, layout):
    """Run collect_documents for each part."""
    for part, group in groups.items():
        call = rule_call(
            "collect_documents",
            input={"sample": str(folder / "sample.parquet"), "documents": group, "attributes": []},
            output={"documents": folder / f"{part}-documents.parquet"},
            params={"layout": layout},
            wildcards={"part": part},
        )
        collect_documents.main(call)


def write_files(made_up, folder, rows, count):
    cuts = [i * len(rows) // count for i in range(count + 1)]
    return [
        made_up.write(folder / f"d{i}.jsonl", rows[cuts[i] : cuts[i + 1]]) for i in range(count)
    ]


def test_sample_depends_neither_on_partition_nor_on_order_of_rows(made_up, tmp_path):
    rows = made_up.rows(200)
    first = write_files(made_up, tmp_path / "a", rows, 4)
    second = write_files(made_up, tmp_path / "b", rows[::-1], 3)
    draws = []
    for name, files, parts in (("x", first, 1), ("y", first, 3), ("z", second, 2)):
        run_to_sample(tmp_path / name, files, made_up.table, parts)
        draws.append(read_table(tmp_path / name / "sample.parquet", "corpus/sample"))
    assert draws[0].drop("part").equals(draws[1].drop("part"))
    place = ("part", "file", "row")
    assert draws[0].drop(place).equals(draws[2].drop(place))


def test_same_input_gives_the_same_bytes(made_up, tmp_path):
    files = write_files(made_up, tmp_path / "a", made_up.rows(100), 2)
    for name in ("x", "y"):
        groups = run_to_sample(tmp_path / name, files, made_up.table, 2)
        collect(tmp_path / name, groups, made_up.table)
    for path in sorted((tmp_path / "x").iterdir()):
        assert path.read_bytes() == (tmp_path / "y" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("layout", ["table", "dolma"])
def test_collected_text_is_that_of_the_drawn_documents(made_up, tmp_path, layout):
    rows = made_up.rows(120)
    if layout == "dolma":
        files = [
            made_up.write_dolma(tmp_path, rows[:50], "0.json.gz"),
            made_up.write_dolma(tmp_path, rows[50:], "1.json.gz"),
        ]
    else:
        files = write_files(made_up, tmp_path / "a", rows, 2)
    settings = getattr(made_up, layout)
    groups = run_to_sample(tmp_path / "r", files, settings, 2)
    collect(tmp_path / "r", groups, settings)
    sample = read_table(tmp_path / "r" / "sample.parquet", "corpus/sample")
    text = {row["id"]: row["text"] for row in rows}
    found = {}
    for part in groups:
        table = read_table(tmp_path / "r" / f"{part}-documents.parquet", "corpus/documents")
        mine = sample.filter(part=part)
        assert set(table["doc_id"]) == set(mine["doc_id"])
        found.update(table.select("doc_id", "text").iter_rows())
    assert found == {doc_id: text[doc_id] for doc_id in sample["doc_id"]}


def test_source_that_changed_after_indexing_is_refused(made_up, tmp_path):
    rows = made_up.rows(40)
    files = write_files(made_up, tmp_path / "a", rows, 1)
    groups = run_to_sample(tmp_path / "r", files, made_up.table)
    made_up.write(tmp_path / "a" / "d0.jsonl", rows[::-1])
    with pytest.raises(IntegrityError, match=r"d0\.jsonl:\d+ held id 'doc-.*the file has changed"):
        collect(tmp_path / "r", groups, made_up.table)
    made_up.write(tmp_path / "a" / "d0.jsonl", rows[:10])
    with pytest.raises(IntegrityError, match="the file has changed"):
        collect(tmp_path / "r", groups, made_up.table)


def test_repeated_id_names_both_places_across_parts(made_up, tmp_path):
    rows = made_up.rows(40)
    rows[30]["id"] = rows[3]["id"]
    rows[30]["topic"], rows[30]["format"] = rows[3]["topic"], rows[3]["format"]
    files = write_files(made_up, tmp_path / "a", rows, 2)
    with pytest.raises(DataError) as error:
        run_to_sample(tmp_path / "r", files, made_up.table, 2)
    message = str(error.value)
    assert f"{files[1]}:11: id 'doc-0003' is already that of {files[0]}:4" in message
    assert "1 of 40 rows are malformed (repeated_id 1)" in message


def test_tolerated_repeats_count_once_and_are_in_the_contract(made_up, tmp_path):
    rows = made_up.rows(40)
    files = write_files(made_up, tmp_path / "a", [*rows, *rows[:4]], 2)
    run_to_sample(tmp_path / "r", files, made_up.table, 2, k=100, share=0.2)
    sample = read_table(tmp_path / "r" / "sample.parquet", "corpus/sample")
    contract = read_json(tmp_path / "r" / "contract.json")
    assert sample.height == contract["documents"] == contract["documents_available"] == 40
    assert contract["malformed"]["repeated_id"]["count"] == contract["malformed_rows"] == 4


def test_share_over_the_whole_corpus_stops_or_enters_the_contract(made_up, tmp_path):
    rows = made_up.rows(40)
    files = write_files(made_up, tmp_path / "a", [*rows, "{broken", "[]"], 2)
    with pytest.raises(DataError, match=r"d1\.jsonl:20: not valid JSON.*2 of 42 rows.*share 0\.04"):
        run_to_sample(tmp_path / "r", files, made_up.table, 2, share=0.04)
    assert not (tmp_path / "r" / "sample.parquet").exists()
    run_to_sample(tmp_path / "r", files, made_up.table, 2, share=0.05)
    contract = read_json(tmp_path / "r" / "contract.json")
    counts = {reason: entry["count"] for reason, entry in contract["malformed"].items()}
    assert counts == {"invalid_json": 1, "not_an_object": 1}


def test_empty_corpus_is_one_line(made_up, tmp_path):
    (tmp_path / "d.jsonl").write_text("\n")
    with pytest.raises(DataError, match="the corpus is empty: 0 rows read"):
        run_to_sample(tmp_path / "r", [str(tmp_path / "d.jsonl")], made_up.table)
    made_up.write(tmp_path / "d.jsonl", ["{", "["])
    with pytest.raises(DataError, match="the corpus is empty: 2 rows read"):
        run_to_sample(tmp_path / "r", [str(tmp_path / "d.jsonl")], made_up.table, share=1.0)


def test_mix_that_repeats_documents_is_drawn_as_if_each_stood_once(made_up, tmp_path):
    """Mixes repeat documents of high quality: copies must take no place in the draw."""
    rows = made_up.rows(60)
    once = write_files(made_up, tmp_path / "a", rows, 2)
    mixed = write_files(made_up, tmp_path / "b", [*rows, *rows[10:50], *rows[20:30]], 3)
    run_to_sample(tmp_path / "x", once, made_up.table)
    run_to_sample(tmp_path / "y", mixed, made_up.table, 3, repeated="drop")
    tables = [read_table(tmp_path / n / "sample.parquet", "corpus/sample") for n in ("x", "y")]
    place = ("part", "file", "row")
    assert tables[0].drop(place).equals(tables[1].drop(place))
    contract = read_json(tmp_path / "y" / "contract.json")
    assert (contract["rows_read"], contract["repeated_rows"]) == (110, 50)
    assert (contract["documents_available"], contract["malformed_rows"]) == (60, 0)
