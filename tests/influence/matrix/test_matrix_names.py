"""The study of a matrix: a name that no other matrix has, and a config that any path survives."""

import pytest
import yaml

from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import ConfigError, DataError
from workflow_scripts.influence.matrix.matrix_study import claim, main, study_of

MATRIX = "topic,format,mine\nhealth,faq,1\ngames,faq,2\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def matrix(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MATRIX)
    return str(path)


@pytest.mark.parametrize(
    ("file", "study"),
    [
        ("matrix.csv", "matrix"),
        ("a/b/Scores v2.parquet", "matrix-scores-v2"),
        ("It's my [best] {one} (2), v1.csv", "matrix-it-s-my-best-one-2-v1"),
        ("Café_été.csv", "matrix-cafe_ete"),
        ("planted.csv", "matrix-planted"),
        ("карта.csv", "matrix"),
        ("--.csv", "matrix"),
    ],
)
def test_a_study_is_named_by_its_file(file, study):
    assert study_of(file) == study


@pytest.mark.parametrize(
    "name", ["my matrix.csv", 'it\'s "x".csv', "[a] (b), c: d #e.csv", "$x.csv"]
)
def test_any_path_survives_the_config(folder, name):
    file = matrix(folder / name)
    config = load_study(claim(file, "odd"))
    assert (config["study"], config["influence"]["matrix"]) == ("odd", file)
    assert config["benchmarks"] == ["mine"]


def test_a_second_matrix_does_not_take_the_place_of_the_first(folder, capsys):
    first, second = matrix(folder / "a" / "m.csv"), matrix(folder / "b" / "m.csv")
    assert main([first]) == 0
    assert capsys.readouterr().out == "matrix-m\n"
    before = (folder / "results/matrix-m/.state/matrix.yaml").read_bytes()
    assert main([second]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'matrix-m' is there already, made from" in said and "STUDY=name" in said
    assert (folder / "results/matrix-m/.state/matrix.yaml").read_bytes() == before
    assert main([second, "--study", "other"]) == 0
    # The same file again, by another way to it.
    assert main(["a/../a/m.csv"]) == 0


def test_a_study_of_something_else_is_not_written_over(folder):
    (folder / "results" / "planted" / "corpus").mkdir(parents=True)
    with pytest.raises(ConfigError, match="made from another config"):
        claim(matrix(folder / "m.csv"), "planted")


def test_a_wrong_matrix_or_name_leaves_nothing(folder):
    (folder / "bad.csv").write_text("topic,format\n")
    with pytest.raises(DataError, match="no column of a benchmark"):
        claim("bad.csv", "bad")
    with pytest.raises(ConfigError, match="'study' is 'My study'"):
        claim(matrix(folder / "m.csv"), "My study")
    with pytest.raises(ConfigError, match="does not exist"):
        claim("none.csv", "none")
    assert not (folder / "results").exists()
    assert yaml.safe_load(claim("m.csv", "good").read_text())["study"] == "good"
