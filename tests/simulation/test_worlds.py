"""The simulation: its laws and worlds, its tables, and its command."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.influence.uncertainty.variance_components import components
from workflow_scripts.simulation.score_law import (
    PROBABILITIES,
    committed_law,
    moments,
    standardised,
)
from workflow_scripts.simulation.simulate import simulate_all
from workflow_scripts.simulation.tables import QUICK, Judged, false_row, role_rows
from workflow_scripts.simulation.worlds import (
    Noise,
    carriers,
    draw,
    draw_world,
    fold_means,
    simulate,
)

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "simulation"


@pytest.mark.parametrize("law", ["normal", "t4", "mixture", "planted", "ordinary", "lognormal"])
def test_every_law_has_mean_zero_and_variance_one(law):
    values = draw(law, stream(1, "law", law), (2_000_000,))
    assert abs(values.mean()) < 0.004
    assert values.var() == pytest.approx(1, abs=0.08 if law in ("t4", "lognormal") else 0.01)


def test_an_unknown_law_is_refused():
    with pytest.raises(ValueError, match="cauchy"):
        draw("cauchy", stream(1, "law"), (3,))


def test_moments_of_a_uniform_law():
    mean, variance = moments(4 * PROBABILITIES - 1)
    assert (mean, variance) == pytest.approx((1, 16 / 12))


def test_the_committed_law_is_the_planted_studys():
    """Support documents stand well above ordinary ones, contradicting ones further below."""
    law = committed_law()
    assert 4 < law.mean("support") < 8 and -13 < law.mean("contradiction") < -7
    mean, variance = moments(law.quantiles["ordinary"])
    assert abs(mean) < 0.02 and variance == pytest.approx(1, abs=0.03)
    any_ = law.quantiles["any"]
    assert any_[-1] > law.quantiles["ordinary"][-1]  # bins of mixed documents: heavier tails


def test_scores_are_standardised_by_ordinary_documents():
    """Bins of two: (1, 3) and (4, 4) ordinary, (10, 14) full support; median of means 4."""
    scores = pl.DataFrame(
        {"topic": list("aabbcc"), "format": ["f"] * 6, "score": [1.0, 3, 4, 4, 10, 14]}
    )
    truth = pl.DataFrame(
        {
            "topic": list("abc"),
            "format": ["f"] * 3,
            "role": ["neutral", "decoy", "support"],
            "dose": [0.0, 0.0, 1.0],
        }
    )
    found = standardised(scores, truth)
    rest = np.array([-1, 1, 0, 0]) * np.sqrt(2)
    unit = rest.std(ddof=1)
    np.testing.assert_allclose(found["ordinary"], rest / unit)
    np.testing.assert_allclose(np.sort(found["support"]), [6 / unit, 10 / unit])
    assert found["any"].std() == pytest.approx(1) and len(found["contradiction"]) == 0


def test_fold_means_are_means_of_the_documents_of_each_fold():
    effects = np.array([[1.0, 2, 3, 10]])
    means, counts = fold_means(effects, np.array([0, 1, 0, 1]))
    np.testing.assert_allclose(means, [[2, 6]])
    assert counts.tolist() == [2, 2]


def test_a_map_has_the_noise_that_is_asked_for():
    """Variances of one group's score: document, cell and question parts, by hand."""
    noise = Noise(queries=30, query_sd=0.0, loading_sd=0.0, interaction_sd=2.0)
    groups, truth = simulate(stream(2, "noise"), folds=np.repeat(range(4), 3), noise=noise)
    assert groups.means.shape == (576 * 4, 30) and (truth == 0).all()
    parts = components(groups)
    # 12 documents: their own variance 1 and cells of 4 / 30.
    assert np.nanmean(parts.v_fold_raw) == pytest.approx((1 + 4 / 30) / 12, rel=0.1)
    assert np.nanmean(parts.v_interaction) == pytest.approx(4 / 30 / 12, rel=0.05)


def test_a_dose_is_the_share_of_carriers_without_replacement():
    carry = carriers(np.array([0.25, 1.0, 0.0]), 12, stream(3, "carriers"))
    assert carry.sum(axis=1).tolist() == [3, 12, 0]
    part = carriers(np.full(4000, 0.5), 8, stream(3, "part"))
    assert part.mean() == pytest.approx(0.5, abs=0.01)
    assert part.sum(axis=1).min() >= 2  # of 12 documents only 6 carry nothing


@pytest.mark.parametrize("kind", ["planted", "restless"])
def test_the_truth_of_a_world_is_its_mean_over_many_documents(kind):
    noise = Noise(queries=2, query_sd=0.0, loading_sd=0.0, interaction_sd=0.0)
    world = draw_world(stream(4, kind), kind, 3000, noise=noise)
    error = components(world.groups).influence - world.truth
    assert np.abs(error[world.role == "ordinary"]).max() < 5 / np.sqrt(3000)
    assert np.abs(error).max() < 5 * 6 / np.sqrt(3000)
    assert abs(error[:36].mean()) < 5 * 5 / np.sqrt(36 * 3000)


def test_false_calls_and_power_by_hand():
    """Five bins, two maps: one false call of three, then none of one."""
    role = np.array(["support", "support", "contradiction", "ordinary", "restless"])
    dose = np.array([1.0, 1.0, 0.5, 0.0, 0.5])
    calls = [[True, False, True, True, False], [False, True, False, False, False]]
    judged = [Judged({"bh": np.array(call)}, role, dose) for call in calls]
    row = false_row(judged, "bh")
    assert row["maps_with_false_calls"] == 0.5
    assert row["false_discovery_rate"] == pytest.approx((1 / 3 + 0) / 2)
    assert row["calls_per_map"] == 2
    found = {(item["role"], item["dose"]): item for item in role_rows(judged, ("bh",))}
    assert found["support", 1.0]["bh"] == 0.5 and found["support", 1.0]["bins_per_map"] == 2
    assert found["restless", 0.5]["bh"] == 0


def command(folder, *options):
    words = [sys.executable, "-m", "workflow_scripts.simulation.simulate", "--quick", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*words, "--out", str(folder)], check=True, cwd=ROOT, env=environment)


@pytest.mark.slow
def test_the_command_writes_the_committed_tables(tmp_path):
    """The columns of the committed tables, so that these are the command's."""
    command(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    of_studies = {"score_law.csv", "study.csv", "hard_seeds.csv"}
    assert names == {path.name for path in RESULTS.iterdir()} - of_studies
    for name in names:
        if name.endswith(".csv"):
            columns = pl.read_csv(tmp_path / name).columns
            assert columns == pl.read_csv(RESULTS / name).columns


def test_the_command_writes_the_same_bytes_twice(tmp_path):
    for name in ("one", "two"):
        command(tmp_path / name, "--worlds", "labels")
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"worlds.csv", "worlds.png"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_tables_of_one_seed_are_the_same(tmp_path):
    size = replace(QUICK, coverage_maps=4, documents=(8,), maps=1, draws=19)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        simulate_all(tmp_path / name, size)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_committed_coverage_is_92_to_97_percent_where_it_is_promised():
    table = pl.read_csv(RESULTS / "coverage.csv")
    promised = table.filter(pl.col("law").is_in(["normal", "planted"]))
    assert set(promised["documents"]) == {8, 20, 100, 1000, 10_000}
    assert promised["coverage"].is_between(0.92, 0.97).all()


def test_committed_power_and_false_discovery_hold_their_bars():
    """Full-dose support bins, 8 documents and more; at least 20 seeds of the sampling."""
    power = pl.read_csv(RESULTS / "power.csv").filter(world="planted", role="support", dose=1.0)
    assert set(power["documents"]) == {8, 20, 100} and power["maps"].min() >= 20
    assert power["bh"].min() >= 0.9
    false = pl.read_csv(RESULTS / "false_discovery.csv").filter(method="bh")
    assert false.filter(world="planted")["false_discovery_rate"].max() <= 0.1
    null = false.filter(world="null")
    # At 5% of `maps` maps, three standard errors above.
    limit = 0.05 + 3 * (0.05 * 0.95 / null["maps"]).sqrt()
    assert (null["maps_with_false_calls"] <= limit).all()
