import pytest

from workflow_scripts.common.config.load import complete
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.corpus.sources.sources import (
    attribute_file,
    attribute_files,
    group_parts,
    reference_tokenizer_files,
    resolve,
    source_files,
    source_layout,
)


def config(data="data", source="files", **section):
    return complete(
        {
            "study": "t",
            "benchmarks": ["b"],
            "data": data,
            "corpus": {"source": source, source: section},
        }
    )


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_data_prefix_is_replaced_and_relative_paths_stay_relative():
    assert resolve("<data>/a/b.jsonl", "../real") == "../real/a/b.jsonl"
    assert resolve("x/<data>/b.jsonl", "../real") == "x/<data>/b.jsonl"
    assert resolve("./x/b.jsonl", "data") == "x/b.jsonl"
    assert resolve("<data>/b.jsonl", "/elsewhere/") == "/elsewhere/b.jsonl"


def test_patterns_are_expanded_sorted_and_without_repeats(tmp_path):
    touch(tmp_path, "b.jsonl", "a.jsonl.gz", "deep/c.parquet", "note.txt")
    found = source_files(
        config(str(tmp_path), documents=["<data>/**/*.parquet", "<data>/*.jsonl*", "<data>/b.*"]),
        "results/t",
    )
    assert found == [f"{tmp_path}/{name}" for name in ("a.jsonl.gz", "b.jsonl", "deep/c.parquet")]


@pytest.mark.parametrize("name", ["corpus [v1]", "it's *new*", 'the "best"?', "été [a-z]"])
def test_folders_are_taken_as_they_are_written(tmp_path, name):
    """A folder 'corpus [v1]' matched no file: its brackets were a pattern."""
    touch(tmp_path, f"{name}/pages-0.jsonl", f"{name}/pages-[1].jsonl", "corpus v/pages-9.jsonl")
    expected = [f"{tmp_path}/{name}/pages-{number}.jsonl" for number in ("0", "[1]")]
    for data, pattern in (
        (f"{tmp_path}/{name}", "<data>/pages-*.jsonl"),
        (str(tmp_path), f"<data>/{name}/pages-*.jsonl"),
        ("data", f"{tmp_path}/{name}/*"),
        ("data", f"{tmp_path}/{name}/**/*.jsonl"),
    ):
        assert source_files(config(data, documents=[pattern]), "results/t") == expected


def test_pattern_without_a_match_names_key_pattern_and_place(tmp_path):
    with pytest.raises(ConfigError, match=r"corpus\.files\.documents.*<data>/\*\.x.*looked for"):
        source_files(config(str(tmp_path), documents=["<data>/*.x"]), "results/t")


def test_folder_and_unknown_suffix_are_refused(tmp_path):
    touch(tmp_path, "a.csv")
    with pytest.raises(ConfigError, match="write a pattern of files"):
        source_files(config(documents=[str(tmp_path)]), "results/t")
    with pytest.raises(ConfigError, match=r"a\.csv.*allowed are files that end in \.jsonl"):
        source_files(config(documents=[f"{tmp_path}/a.csv"]), "results/t")


def test_planted_corpus_is_four_files_of_the_study_whatever_the_benchmarks():
    files = source_files(config(source="planted"), "results/t")
    assert files == [f"results/t/corpus/world/documents-{i}.jsonl.gz" for i in range(4)]


def test_planted_label_outside_the_taxonomy_names_the_nearest():
    with pytest.raises(ConfigError, match=r"planted\.topics.*'helth'.*did you mean 'health'"):
        source_files(config(source="planted", topics=["helth"]), "results/t")


@pytest.mark.parametrize(
    ("files", "parts", "sizes"), [(4, 1, [4]), (7, 3, [2, 2, 3]), (3, 3, [1] * 3)]
)
def test_parts_are_contiguous_and_even(files, parts, sizes):
    names = [f"f{i}" for i in range(files)]
    groups = group_parts(names, [f"p{i:04d}" for i in range(parts)])
    assert [len(group) for group in groups.values()] == sizes
    assert [file for group in groups.values() for file in group] == names


def test_more_parts_than_files_is_an_error():
    with pytest.raises(ConfigError, match=r"corpus\.parts.*is 3.*2 file"):
        group_parts(["a", "b"], ["p0000", "p0001", "p0002"])


def test_attribute_file_stands_beside_the_innermost_documents_folder():
    assert attribute_file("x/documents/a/000.json.gz", "t") == "x/attributes/t/a/000.json.gz"
    assert attribute_file("documents/y/documents/0.json", "t") == "documents/y/attributes/t/0.json"
    with pytest.raises(ConfigError, match="not below a folder called 'documents'"):
        attribute_file("x/documents.json.gz", "t")


def test_missing_attribute_file_and_malformed_attribute_are_named(tmp_path):
    touch(tmp_path, "documents/0.json.gz")
    files = [str(tmp_path / "documents/0.json.gz")]
    layout = source_layout(config(source="dolma", documents=files, topic="attributes:lab:topic"))
    with pytest.raises(ConfigError, match=r"attributes/lab/0\.json\.gz' does not exist"):
        attribute_files(files, layout)
    touch(tmp_path, "attributes/lab/0.json.gz")
    assert attribute_files(files, layout) == [str(tmp_path / "attributes/lab/0.json.gz")]
    with pytest.raises(ConfigError, match="attributes:<name>:<key>"):
        attribute_files(files, {**layout, "topic": "attributes:topic"})


def test_local_tokenizer_files_are_inputs_and_a_hub_id_has_none(tmp_path):
    touch(tmp_path, "m/tokenizer.json", "m/tokenizer_config.json")
    settings = {"study": "t", "benchmarks": ["b"], "data": str(tmp_path)}
    model = {"source": "pretrained", "pretrained": {"path": "<data>/m"}}
    names = ["tokenizer.json", "tokenizer_config.json"]
    found = reference_tokenizer_files(complete({**settings, "model": model}))
    assert found == [f"{tmp_path}/m/{name}" for name in names]
    model["pretrained"] = {"path": "org/name", "revision": "0" * 40}
    assert reference_tokenizer_files(complete({**settings, "model": model})) == []
