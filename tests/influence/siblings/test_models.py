"""Several trainings of one model: agreement, the mean map, and what training adds to an error."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from tests.influence.simulation import simulate
from tests.support import rule_call
from workflow_scripts.common.config.siblings import model_seeds, siblings
from workflow_scripts.common.errors import IntegrityError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.bins.bin_table import table
from workflow_scripts.influence.bins.composition import Makeup
from workflow_scripts.influence.budget import budget_errors
from workflow_scripts.influence.siblings import compare_models
from workflow_scripts.influence.siblings.models import ModelMap, agreement_rows, bin_rows
from workflow_scripts.influence.uncertainty.resampling import from_components, save
from workflow_scripts.influence.uncertainty.variance_components import components

MAKEUP = Makeup.of_sites(np.full(len(BINS), 4))
FILLED = 300


def trained(count, of_bin=0.0, of_document=0.0, scales=(1.0, 1.0, 1.0), key="a"):
    """Maps of models on the same documents, with errors of their own a bin and a document."""
    rng = stream(6, "models", key)
    base, _ = simulate(rng, bins=FILLED, spread=1.0)
    models = []
    for scale in scales[:count]:
        error = of_bin * rng.standard_normal(len(BINS))[base.bins]
        error += of_document * rng.standard_normal(len(base.bins)) / np.sqrt(base.counts)
        parts = components(dataclasses.replace(base, means=scale * (base.means + error[:, None])))
        models.append(ModelMap(table(parts, MAKEUP, None), from_components(parts, own=True)))
    return models


def test_equal_models_agree_and_add_nothing_whatever_their_scale():
    models = trained(2, scales=(1.0, 10.0))
    (row,) = agreement_rows(dict(zip(("own", "seed43"), models, strict=True)))
    assert row["pearson"] == pytest.approx(1)
    assert row["called_a"] == row["called_b"] == row["called_both"]
    bins = bin_rows(models)
    assert bins["v_model"].drop_nulls().max() < 1e-12
    np.testing.assert_allclose(bins["z"].drop_nulls(), bins["z_mean"].drop_nulls())
    assert bins["z"].null_count() == len(BINS) - FILLED
    assert set(bins["n_called"]) <= {0, 2}


def test_variance_over_trainings_is_that_of_one_model_in_units_of_z():
    models = trained(3, of_bin=0.5)
    spread = models[0].column("influence")[:FILLED].std(ddof=1)
    found = bin_rows(models)["v_model"].drop_nulls().mean()
    assert found == pytest.approx(0.25 / spread**2, rel=0.25)


def test_what_training_does_to_documents_alone_is_not_counted_again():
    """se holds it already: other documents would have other errors of the same kind."""
    gross = bin_rows(trained(2, of_bin=0.5, of_document=2.0))["v_model"].mean()
    alone = bin_rows(trained(2, of_document=2.0))["v_model"].mean()
    assert alone < 0.25 * gross


def test_projection_that_is_known_is_taken_off_the_variance_over_trainings():
    models = trained(2, of_bin=0.5)
    known = [
        dataclasses.replace(
            each,
            bins=each.bins.with_columns(
                se_added=pl.when(pl.col("influence").is_not_null()).then(0.5)
            ),
        )
        for each in models
    ]
    without, taken_off = (bin_rows(each)["v_model"].mean() for each in (models, known))
    assert taken_off < 0.2 * without


def test_models_of_other_documents_are_refused():
    first, second = trained(2)
    other = dataclasses.replace(second.resampling, group_folds=second.resampling.group_folds + 1)
    with pytest.raises(IntegrityError, match="other documents or questions"):
        bin_rows([first, dataclasses.replace(second, resampling=other)])


def test_rules_leave_agreement_bins_and_a_budget_without_gaps(tmp_path):
    names, files = ("a", "b"), {}
    for name in names:
        for model, each in zip(("own", "seed7"), trained(2, 0.5, key=name), strict=True):
            stem = tmp_path / f"{model}-{name}"
            write_table(each.bins, f"{stem}.parquet", "influence/bins")
            save(f"{stem}.npz", each.resampling)
            files.setdefault(model, []).append(str(stem))
    paths = {
        key: {kind: [f"{stem}.{kind}" for stem in stems] for kind in ("parquet", "npz")}
        for key, stems in files.items()
    }
    output = {"agreement": tmp_path / "seeds.parquet", "bins": tmp_path / "models.parquet"}
    compare_models.main(
        rule_call(
            "compare_models",
            input={
                "bins": paths["own"]["parquet"],
                "resampling": paths["own"]["npz"],
                "sibling_bins": paths["seed7"]["parquet"],
                "sibling_resampling": paths["seed7"]["npz"],
            },
            output=output,
            params={"benchmarks": list(names), "siblings": ["seed7"]},
        )
    )
    agreement = read_table(output["agreement"], "influence/model_seeds")
    assert agreement["model_b"].to_list() == ["seed7", "seed7"]
    assert agreement["pearson"].is_between(0.5, 0.99).all()
    budget_errors.main(
        rule_call(
            "budget_errors",
            input={
                "bins": paths["own"]["parquet"],
                "resampling": paths["own"]["npz"],
                "model_bins": str(output["bins"]),
            },
            output={"budget": tmp_path / "budget.parquet"},
            params={"benchmarks": list(names), "projections": 1},
        )
    )
    budget = read_table(tmp_path / "budget.parquet", "influence/error_budget")
    assert budget.height == 2 * (1 + len(BINS))
    heads = budget.filter(pl.col("topic").is_null())
    assert (heads["se_total"] > heads["se"]).all()
    assert set(heads["missing"]) == {"projection (one projection; its part stands in v_model)"}
    own = read_table(paths["own"]["parquet"][0], "influence/bins")["influence"].std()
    models = read_table(output["bins"], "influence/model_bins").filter(benchmark="a")
    bins = budget.filter(pl.col("topic").is_not_null(), benchmark="a")
    expected = models.sort("topic", "format")["v_model"] * own**2
    np.testing.assert_allclose(
        bins.sort("topic", "format")["v_model"].drop_nulls(), expected.drop_nulls()
    )


def test_siblings_are_named_by_seed_or_place_and_have_projections_of_their_own():
    config = {
        "seeds": {"model": [5, 6, 7], "projection": 42},
        "model": {"source": "train", "siblings": []},
        "influence": {"matrix": ""},
    }
    found = siblings(config)
    assert list(found) == ["seed6", "seed7"]
    assert model_seeds(config) == [5, 6, 7]
    projections = {42, *(each["projection_seed"] for each in found.values())}
    assert len(projections) == 3
    listed = [{"path": "a", "revision": ""}, {"path": "b", "revision": ""}]
    config["model"] = {"source": "pretrained", "siblings": listed}
    config["seeds"]["model"] = 5
    assert [(name, each["path"]) for name, each in siblings(config).items()] == [
        ("sibling1", "a"),
        ("sibling2", "b"),
    ]
    config["influence"]["matrix"] = "matrix.csv"
    assert siblings(config) == {}
