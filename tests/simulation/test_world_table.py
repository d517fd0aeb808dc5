"""The table of worlds: what holds, what is simulated again, and the world of wrong labels."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.simulation import world_table
from workflow_scripts.simulation.tables import QUICK, Size
from workflow_scripts.simulation.world_figure import draw_worlds
from workflow_scripts.simulation.world_labels import exchange
from workflow_scripts.simulation.world_table import (
    chosen,
    held,
    name_of,
    read_worlds,
    simulate_worlds,
)

ROOT = Path(__file__).resolve().parents[2]


def row(rate=0.04, nominal=0.05, rate_se=0.0, **values):
    return {
        "world": "w",
        "statistic": "s",
        "setting": "t",
        "maps": 3,
        "rate": rate,
        "rate_se": rate_se,
        "nominal": nominal,
        "units": "u",
    } | values


def module(name, rows):
    """A module of worlds that counts how often it simulates."""
    made = SimpleNamespace(__name__=f"a.b.world_{name}", calls=0)

    def rates(size):
        made.calls += 1
        return rows

    made.rates = rates
    return made


@pytest.fixture
def two(monkeypatch):
    modules = (module("one", [row()]), module("two", [row(0.9, 0.95), row(0.3, None)]))
    monkeypatch.setattr(world_table, "WORLDS", modules)
    return modules


@pytest.mark.parametrize(
    ("rate", "nominal", "rate_se", "yes"),
    [
        (0.08, 0.05, 0.0, "yes"),
        (0.081, 0.05, 0.0, "no"),
        (0.1, 0.05, 0.01, "yes"),
        (0.0, 0.05, 0.0, "yes"),
        (0.92, 0.95, 0.0, "yes"),
        (0.97, 0.95, 0.0, "yes"),
        (0.91, 0.95, 0.005, "yes"),
        (0.909, 0.95, 0.005, "no"),
        (0.971, 0.95, 0.0, "conservative"),
        (0.971, 0.95, 0.01, "yes"),
        (0.5, None, 0.0, None),
        (None, 0.05, None, None),
    ],
)
def test_a_rate_holds_within_its_bounds(rate, nominal, rate_se, yes):
    assert held(row(rate, nominal, rate_se)) == yes


def test_a_stopped_run_goes_on_with_the_modules_that_are_missing(two, tmp_path):
    path, said = tmp_path / "worlds.csv", []
    simulate_worlds(path, QUICK, two[1:], said.append)
    simulate_worlds(path, QUICK, two, said.append)
    assert [each.calls for each in two] == [1, 1]
    table = read_worlds(path)
    assert table["module"].to_list() == ["one", "two", "two"]
    assert table["held"].to_list() == ["yes", "no", None]
    assert any("world two is there" in line for line in said)
    simulate_worlds(path, QUICK, two, said.append, again=True)
    assert [each.calls for each in two] == [2, 2]
    simulate_worlds(path, Size(maps=9), two[:1], said.append)
    assert two[0].calls == 3
    assert read_worlds(path).select("module", "size").rows() == [("one", 9), ("two", 3), ("two", 3)]


def test_rows_of_a_module_that_is_gone_go_with_it(two, tmp_path, monkeypatch):
    path = tmp_path / "worlds.csv"
    simulate_worlds(path, QUICK, two, print)
    monkeypatch.setattr(world_table, "WORLDS", two[1:])
    simulate_worlds(path, QUICK, two[1:], print, again=True)
    assert set(read_worlds(path)["module"]) == {"two"}


def test_a_row_with_a_wrong_key_is_refused_with_its_module(tmp_path):
    wrong = module("wrong", [row(power=1.0)])
    with pytest.raises(ValueError, match=r"a\.b\.world_wrong.*'power'"):
        simulate_worlds(tmp_path / "worlds.csv", QUICK, [wrong], print)


def test_worlds_are_chosen_by_name_and_unknown_ones_refused(two):
    assert chosen(["two"]) == [two[1]] and chosen([]) == list(two)
    assert name_of(two[0]) == "one"
    with pytest.raises(ValueError, match="three; allowed: one, two"):
        chosen(["three"])


def test_the_figure_draws_every_kind_of_rate(two, tmp_path):
    simulate_worlds(tmp_path / "worlds.csv", QUICK, two, print)
    draw_worlds(tmp_path)
    assert (tmp_path / "worlds.png").stat().st_size > 5_000


def test_exchanged_labels_keep_all_documents_and_move_a_share():
    values = np.arange(6000.0).reshape(300, 20)
    moved = exchange(values, 0.2, stream(1, "exchange"))
    assert np.array_equal(np.sort(moved, axis=None), values.ravel())
    assert np.mean(moved != values) == pytest.approx(0.2, abs=0.02)
    assert np.array_equal(exchange(values, 0.0, stream(1, "exchange")), values)


def test_the_command_names_the_worlds_that_it_knows(tmp_path):
    command = [sys.executable, "-m", "workflow_scripts.simulation.simulate", "--worlds", "none"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "--worlds names none; allowed: " in done.stderr


def test_committed_rates_are_of_known_worlds_with_their_errors():
    table = pl.read_csv(ROOT / "docs" / "simulation" / "worlds.csv", schema=world_table.SCHEMA)
    assert table.height and set(table["module"]) == {name_of(each) for each in world_table.WORLDS}
    assert table.filter(pl.col("rate").is_not_null())["rate_se"].null_count() == 0
    assert [held(each) for each in table.iter_rows(named=True)] == table["held"].to_list()
