"""Unseen seeds of the hard world: what is run, what is kept, what a failure leaves."""

import polars as pl
import pytest

from workflow_scripts.common.config.load import complete
from workflow_scripts.common.files import write_json
from workflow_scripts.common.tables import polars_schema, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.simulation import hard_seeds
from workflow_scripts.simulation.hard_seeds import (
    SCHEMA,
    last_line,
    main,
    overlay,
    seed_rows,
    seeds_of,
)


def test_seeds_are_a_range_or_a_list():
    assert seeds_of("101..103") == [101, 102, 103] and seeds_of("3,5") == [3, 5]
    for text in ("101..100", "one"):
        with pytest.raises(ValueError):
            seeds_of(text)


def test_a_seeds_study_draws_everything_anew_and_is_a_valid_configuration():
    own = overlay("planted_hard", 7)
    config = complete(own | {"benchmarks": ["social_reasoning"]})
    assert config["study"] == "planted_hard_s7"
    drawn = {name: seed for name, seed in config["seeds"].items() if seed == 7}
    assert set(drawn) == set(hard_seeds.STREAMS)


def test_the_last_line_is_the_reason():
    assert last_line("a\n\nFailed:\n  log\nout of memory\n\n") == "out of memory"
    assert last_line("") == "it said nothing"


@pytest.fixture
def runs(monkeypatch):
    """Seeds that were run; an odd one fails until it is in ``mended``."""
    ran, mended = [], set()

    def try_seed(configs, seed):
        ran.append(seed)
        if seed % 2 and seed not in mended:
            return [{"state": "failed", "minutes": 0.1, "reason": "disk full"}]
        return [{"benchmark": b, "state": "done", "called": 3, "minutes": 5.0} for b in "xy"]

    monkeypatch.setattr(hard_seeds, "try_seed", try_seed)
    return ran, mended


def test_a_failed_seed_stands_in_the_table_with_its_reason_and_is_tried_again(runs, tmp_path):
    ran, mended = runs
    out = tmp_path / "seeds.csv"
    assert main(["--seeds", "1..2", "--out", str(out)]) == 1
    table = pl.read_csv(out, schema=SCHEMA)
    assert table.select("seed", "benchmark", "state", "reason").rows() == [
        (1, None, "failed", "disk full"),
        (2, "x", "done", None),
        (2, "y", "done", None),
    ]
    mended.add(1)
    assert main(["--seeds", "1..2", "--out", str(out)]) == 0
    assert ran == [1, 2, 1]
    assert pl.read_csv(out, schema=SCHEMA)["state"].to_list() == ["done"] * 4
    assert main(["--seeds", "2,2", "--again", "--out", str(out)]) == 0
    assert ran == [1, 2, 1, 2, 2] and pl.read_csv(out).height == 4


def write(path, name, frame):
    """The table with zeros, or empty texts, in the columns that are not given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = polars_schema(name)
    rest = {
        column: pl.lit("" if kind == pl.String else 0).cast(kind)
        for column, kind in kinds.items()
        if column not in frame.columns
    }
    write_table(frame.with_columns(**rest), path, name)


def test_calls_are_counted_by_what_the_bins_hold(tmp_path):
    """Six bins of 576 are called: support, contradiction, a decoy with strays, three neutral."""
    roles = ["support", "contradiction", "decoy", *["neutral"] * 573]
    bins = pl.DataFrame(BINS, schema=["topic", "format"], orient="row")
    bins = bins.with_columns(benchmark=pl.lit("b"))
    truth = bins.with_columns(role=pl.Series(roles), dose=pl.Series([1.0, 0.5, 0.1] + [0.0] * 573))
    q = pl.Series([0.01] * 6 + [0.5] * 570)
    influence = bins.with_columns(q_unusual=q, influence=pl.lit(1.0))
    sites = bins.drop("benchmark").with_columns(n_sites=pl.Series([3, 1, 0, 4] + [9] * 572))
    measures = {"benchmark": ["b"], "scorer": ["trackstar"], "auroc_support": [0.9]}
    write(tmp_path / "corpus/truth.parquet", "corpus/truth", truth)
    write(tmp_path / "influence/bin_influence.parquet", "influence/bin_influence", influence)
    write(tmp_path / "corpus/bin_summary.parquet", "corpus/bin_summary", sites)
    write(tmp_path / "validation/planted.parquet", "validation/planted", pl.DataFrame(measures))
    write_json(tmp_path / "benchmarks/b/results.json", {"n_questions": 8, "accuracy": 0.5})
    (row,) = seed_rows(tmp_path)
    counted = {key.removeprefix("called_"): row[key] for key in row if key.startswith("called")}
    assert counted == {
        "called": 6,
        "support": 1,
        "contradiction": 1,
        "strayed": 1,
        "neutral": 3,
    }
    assert row["false_share"] == 0.5 and row["bins_of_few_sites"] == 2
    assert (row["auroc_support"], row["accuracy"], row["questions"]) == (0.9, 0.5, 8)
    assert set(row) <= set(SCHEMA)
