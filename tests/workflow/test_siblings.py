"""Further trainings of the study's model: what is planned and refused, and a study that has one."""

import numpy as np
import polars as pl
import pytest
import yaml

from tests.workflow.clone import Clone
from tests.workflow.test_own_model import merged, readme_blocks, write_documents, write_model
from workflow_scripts.common.files import read_json


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A clone with a study of a pretrained model, and a way to give it siblings."""
    root = tmp_path_factory.mktemp("siblings")
    (root / "data").mkdir()
    texts = write_documents(root / "data")
    for name, architecture in {"own": "llama", "other": "llama", "alien": "gpt_neox"}.items():
        write_model(root / name, texts, architecture)
    config = yaml.safe_load((root / "alien" / "config.json").read_text())
    assert config["model_type"] == "gpt_neox"
    clone = Clone(root / "atlas")
    blocks = readme_blocks()
    (clone.folder / "benchmarks" / "kitchen_safety.yaml").write_text(
        yaml.safe_dump(blocks["title"])
    )

    def with_siblings(*names):
        study = merged(blocks["study"], blocks["model"])
        study["data"] = str(root / "data")
        study["model"] |= {"pretrained": {"path": str(root / "own")}, "device": "cpu"}
        study["model"]["siblings"] = [{"path": str(root / name)} for name in names]
        (clone.folder / "configs" / "mine.yaml").write_text(yaml.safe_dump(study))
        return "--configfile", "configs/mine.yaml"

    clone.with_siblings = with_siblings
    return clone


def test_pretrained_sibling_is_pinned_checked_and_attributed(pretrained):
    one = pretrained.plan(*pretrained.with_siblings())
    two = pretrained.plan(*pretrained.with_siblings("other"))
    assert {job.split()[0] for job in two - one} == {
        "reference_sibling",
        "check_sibling",
        "fit_sibling_preconditioner",
        "attribute_sibling_documents",
        "attribute_sibling_queries",
        "estimate_sibling_bins",
        "compare_models",
    }
    assert not one - two


def test_sibling_that_is_the_model_itself_is_refused(pretrained):
    code, text = pretrained.run("--dry-run", *pretrained.with_siblings("other", "own"))
    assert code != 0
    assert "config error: config key 'model.siblings' names" in text


def test_sibling_of_another_shape_is_refused_by_key(pretrained):
    path = pretrained.folder.parent / "alien" / "config.json"
    path.write_text(path.read_text().replace('"hidden_size": 32', '"hidden_size": 48'))
    code, text = pretrained.run("--dry-run", *pretrained.with_siblings("alien"))
    assert code != 0
    assert "config key 'model.siblings.path': the model in" in text
    assert "hidden_size 48" in text


TWO = ("--configfile", "tests/config/small.yaml", "--config", "seeds={model: [42, 43]}")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The maps of the small study under two training seeds and two projections."""
    clone = Clone(tmp_path_factory.mktemp("two") / "atlas")
    places = ("error_budget", "model_seeds", "model_bins", "bin_influence")
    targets = [f"results/small/influence/{name}.parquet" for name in places]
    code, text = clone.run(*targets, *TWO, "attribution={projections: 2, projection_dim: 8}")
    assert code == 0, text[-5000:]
    return clone.folder / "results" / "small"


@pytest.mark.slow
def test_two_seeds_and_two_projections_leave_a_budget_without_gaps(two):
    models = read_json(two / "model" / "model.json"), read_json(two / "model/seed43/model.json")
    assert models[0]["digest"] != models[1]["digest"]
    settings = read_json(two / "attribution/siblings/seed43/settings.json")["projection"]
    own = read_json(two / "attribution" / "preconditioner" / "settings.json")["projection"]
    assert settings["projections"] == own["projections"] == 2
    assert settings["seed"] != own["seed"]
    assert not (two / "attribution" / "siblings" / "seed43" / "rows").exists()
    budget = pl.read_parquet(two / "influence" / "error_budget.parquet")
    assert budget["missing"].is_null().all()
    heads = budget.filter(pl.col("topic").is_null())
    assert heads.height == 2
    assert (heads["se_total"] >= heads["se"]).all()
    assert (heads["projection_in_se"] > 0.1).all()
    bins = budget.drop_nulls("topic").drop_nulls("se")
    parts = ("documents", "questions", "projection", "model")
    total = sum(bins[f"v_{name}"].to_numpy() for name in parts)
    np.testing.assert_allclose(total, bins["se_total"] ** 2, rtol=1e-9)
    agreement = pl.read_parquet(two / "influence" / "model_seeds.parquet")
    assert agreement["pearson"].is_between(0.4, 0.99).all()
    assert (agreement["called_both"] <= agreement["called_a"]).all()
