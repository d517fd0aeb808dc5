"""The training loop: the same bytes again, also after a kill, and a loss that falls."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from workflow_scripts.model.training.training import (
    STATE_FILE,
    ArchitectureSettings,
    TrainingError,
    TrainSettings,
    build_model,
    learning_rate,
    train,
)

TINY = ArchitectureSettings(
    hidden_size=16, layers=1, heads=2, intermediate_size=24, max_positions=24
)
SETTINGS = TrainSettings(passes=3, batch_size=4, save_every=5, report_every=4)
VOCABULARY = 32


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def documents() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    # Counting upwards from a random start: learnable, lengths 5 to 20.
    starts, lengths = rng.integers(0, 12, 30), rng.integers(5, 20, 30)
    return [np.arange(s, s + n, dtype=np.int32) for s, n in zip(starts, lengths, strict=True)]


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


class Killed(Exception):
    """Stands for the process being killed."""


def kill_at(step: int):
    def report(at: int, total: int, loss: float) -> None:
        if at >= step:
            raise Killed

    return report


def test_same_seed_same_weights_and_history(documents: list[np.ndarray]) -> None:
    runs = []
    for _ in range(2):
        torch.manual_seed(np.random.default_rng().integers(1000))  # no dependence on global state
        model = build_model(TINY, VOCABULARY, seed=1)
        runs.append((model, train(model, documents, SETTINGS, seed=1)))
    assert same_weights(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]


def test_seeds_matter(documents: list[np.ndarray]) -> None:
    first, second = build_model(TINY, VOCABULARY, seed=1), build_model(TINY, VOCABULARY, seed=2)
    assert not same_weights(first, second)


@pytest.mark.parametrize("step", [4, 8, 16])
def test_killed_and_restarted_ends_with_the_same_bytes(
    documents: list[np.ndarray], tmp_path: Path, step: int
) -> None:
    """Killed before the first save, inside a pass, and in the last pass."""
    whole = build_model(TINY, VOCABULARY, seed=1)
    history = train(whole, documents, SETTINGS, seed=1)
    with pytest.raises(Killed):
        train(
            build_model(TINY, VOCABULARY, seed=1), documents, SETTINGS, 1, tmp_path, kill_at(step)
        )
    model = build_model(TINY, VOCABULARY, seed=1)
    assert train(model, documents, SETTINGS, 1, tmp_path) == history
    assert same_weights(whole, model)


def test_a_finished_state_is_not_trained_further(
    documents: list[np.ndarray], tmp_path: Path
) -> None:
    settings = dataclasses.replace(SETTINGS, save_every=24)
    first, second = (build_model(TINY, VOCABULARY, seed=1) for _ in range(2))
    train(first, documents, settings, 1, tmp_path)
    steps = []
    train(second, documents, settings, 1, tmp_path, lambda at, total, loss: steps.append(at))
    assert steps == []
    assert same_weights(first, second)


@pytest.mark.parametrize("change", ["settings", "seed", "documents", "weights"])
def test_a_state_of_another_run_is_ignored(
    documents: list[np.ndarray], tmp_path: Path, change: str
) -> None:
    train(build_model(TINY, VOCABULARY, seed=1), documents, SETTINGS, 1, tmp_path)
    settings, seed, weights = SETTINGS, 1, 1
    if change == "settings":
        settings = dataclasses.replace(SETTINGS, learning_rate=1e-3)
    if change == "seed":
        seed = 2
    if change == "weights":
        weights = 2
    if change == "documents":
        documents = documents[1:]
    alone, beside = (build_model(TINY, VOCABULARY, seed=weights) for _ in range(2))
    train(alone, documents, settings, seed)
    train(beside, documents, settings, seed, tmp_path)
    assert same_weights(alone, beside)


def test_a_damaged_state_is_dropped_and_training_starts_afresh(
    documents: list[np.ndarray], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone, beside = (build_model(TINY, VOCABULARY, seed=1) for _ in range(2))
    train(alone, documents, SETTINGS, 1, tmp_path)
    state = tmp_path / STATE_FILE
    state.write_bytes(state.read_bytes()[:1000])
    with caplog.at_level("WARNING", logger="atlas"):
        train(beside, documents, SETTINGS, 1, tmp_path)
    assert same_weights(alone, beside)
    assert f"dropped {state}, which cannot be read" in caplog.text


def test_the_loss_falls_and_the_report_counts_up(documents: list[np.ndarray]) -> None:
    settings = dataclasses.replace(SETTINGS, passes=20, learning_rate=5e-3)
    seen = []
    model = build_model(TINY, VOCABULARY, seed=1)
    history = train(model, documents, settings, 1, report=lambda *args: seen.append(args))
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert [entry["step"] for entry in history] == [step for step, _, _ in seen]
    assert seen[-1][0] == seen[-1][1] == 20 * 8
    assert not model.training


def test_padding_does_not_change_the_loss(documents: list[np.ndarray]) -> None:
    from workflow_scripts.model.training.training import _batch_loss

    model = build_model(TINY, VOCABULARY, seed=1).double()
    pair = [documents[0], documents[1]]
    together = _batch_loss(model, pair).item()
    alone = [_batch_loss(model, [ids]).item() for ids in pair]
    weights = [len(ids) - 1 for ids in pair]
    assert together == pytest.approx(np.average(alone, weights=weights), rel=1e-12)


def test_the_learning_rate_rises_then_falls() -> None:
    settings = TrainSettings(learning_rate=1.0, warmup_share=0.1, final_share=0.1)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[-1] == pytest.approx(0.1, abs=0.001)
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))


def test_a_loss_that_is_not_finite_stops_the_run(documents: list[np.ndarray]) -> None:
    model = build_model(TINY, VOCABULARY, seed=1)
    with torch.no_grad():
        model.lm_head.weight[0, 0] = float("nan")
    with pytest.raises(TrainingError, match="loss is nan at step 0"):
        train(model, documents, SETTINGS, seed=1)


def test_documents_that_do_not_fit_are_refused() -> None:
    model = build_model(TINY, VOCABULARY, seed=1)
    with pytest.raises(TrainingError, match="no document"):
        train(model, [np.array([1], np.int32)], SETTINGS, seed=1)
    with pytest.raises(TrainingError, match="25 tokens"):
        train(model, [np.zeros(25, np.int32)], SETTINGS, seed=1)


@pytest.mark.parametrize(
    "change", [{"passes": 0}, {"learning_rate": 0.0}, {"warmup_share": 1.0}, {"weight_decay": -1.0}]
)
def test_impossible_settings_are_refused_by_name(change: dict) -> None:
    with pytest.raises(TrainingError, match=next(iter(change))):
        TrainSettings(**change)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(TrainingError, match="hidden_size is 20"):
        ArchitectureSettings(hidden_size=20, heads=4)
