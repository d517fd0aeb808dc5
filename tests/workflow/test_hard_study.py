"""A small study of the hard world: one seed of it to the map, then on to the verdict."""

import polars as pl
import pytest

from tests.workflow.clone import Clone
from workflow_scripts.simulation import hard_seeds

CONFIGS = ("tests/config/small.yaml", "tests/config/hard.yaml")
SEED = 7


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("hard") / "atlas")


@pytest.mark.slow
def test_a_seed_of_a_small_hard_world_fills_its_rows(clone, monkeypatch):
    """Through Snakemake; 64 bins of two benchmarks."""
    monkeypatch.setattr(hard_seeds.run_seed, "__defaults__", (clone.folder,))
    out = clone.folder / "seeds.csv"
    words = ["--seeds", str(SEED), "--configfile", *CONFIGS, "--out", str(out)]
    assert hard_seeds.main(words) == 0
    table = pl.read_csv(out, schema=hard_seeds.SCHEMA)
    assert table["benchmark"].to_list() == ["social_knowledge", "stem_two_tasks"]
    assert table["bins"].to_list() == [64, 64] and table["questions"].to_list() == [80, 40]
    kinds = [f"called_{kind}" for kind in ("support", "contradiction", "strayed", "neutral")]
    assert (table["called"] == table.select(pl.sum_horizontal(kinds)).to_series()).all()
    assert not (clone.folder / "results" / "small_hard_s7" / "unlearning").exists()


@pytest.mark.slow
def test_a_hard_study_is_judged_without_the_plain_worlds_bars(clone):
    """The seed's study with all that it had left out; its model is not trained again."""
    own = hard_seeds.overlay("small_hard", SEED)
    seeds = ", ".join(f"{name}: {seed}" for name, seed in own["seeds"].items())
    changed = ("--config", f"study={own['study']}", f"seeds={{{seeds}}}")
    assert "train_model" not in clone.plan("--configfile", *CONFIGS, *changed)
    code, text = clone.run("--configfile", *CONFIGS, *changed, "--", "validate")
    assert code == 0, text[-3000:]
    folder = clone.folder / "results" / own["study"]
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
