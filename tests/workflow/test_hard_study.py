"""A small study of the hard world from the corpus to the verdict."""

import polars as pl
import pytest

from tests.workflow.clone import Clone

CONFIGS = ("--configfile", "tests/config/small.yaml", "tests/config/hard.yaml")


@pytest.mark.slow
def test_a_hard_study_is_judged_without_the_plain_worlds_bars(tmp_path):
    clone = Clone(tmp_path / "atlas")
    code, text = clone.run(*CONFIGS, "--", "validate")
    assert code == 0, text[-3000:]
    folder = clone.folder / "results" / "small_hard"
    verdict = pl.read_parquet(folder / "validation" / "verdict.parquet")
    truth = verdict.filter(check="planted truth")
    assert set(truth["state"]) == {"told"} and truth["low"].null_count() == truth.height
    assert verdict.filter(pl.col("reason").str.starts_with("as it comes")).height >= 10
    assert verdict.filter(check="exactness")["state"].to_list() == ["passed", "passed"]
    queries = pl.read_parquet(folder / "benchmarks" / "stem_two_tasks" / "queries.parquet")
    assert queries["task"].n_unique() == 2
    summary = pl.read_parquet(folder / "corpus" / "bin_summary.parquet").filter(
        pl.col("n_sampled") > 0
    )
    assert summary["largest_site_share"].mean() > 0.3
    assert (summary["near_duplicate_share"] > 0).mean() > 0.2
