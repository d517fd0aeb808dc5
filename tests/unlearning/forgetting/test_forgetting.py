"""Forgetting up to a dose: the rise is real, the step small, a killed run ends as a whole one."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from tests.unlearning.made_up import (
    FORGET,
    LORA,
    RETAIN,
    base_model,
    counting,
    forgetter,
    plain_losses,
    same_weights,
)
from workflow_scripts.unlearning.arms import COLLAPSED, REACHED, UNREACHED
from workflow_scripts.unlearning.forgetting.forgetting import MAX_HALVINGS, MAX_OVERSHOOT
from workflow_scripts.unlearning.forgetting.methods import METHODS
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings

# Six documents in batches of four, the whole set measured every third step.
MINI = {"batch_documents": 4, "measure_every": 3}


def rise_of(weights, saved, documents, adapter=LORA):
    """Rise of the mean loss under saved weights, recomputed with Hugging Face's own loss."""
    model = base_model(weights)
    before = plain_losses(model, documents).mean()
    fresh = Adapter(model, adapter)
    fresh.load(saved)
    return (plain_losses(fresh.causal_model(), documents).mean() - before).item()


def same_course(first, second):
    """True if two courses are equal bit for bit, weights included."""
    facts = [
        {k: v for k, v in vars(course).items() if k != "saved"}
        | {"saved": [{k: v for k, v in row.items() if k != "weights"} for row in course.saved]}
        for course in (first, second)
    ]
    return facts[0] == facts[1] and all(
        same_weights(a["weights"], b["weights"])
        for a, b in zip(first.saved, second.saved, strict=True)
    )


class Killed(Exception):
    """Stands for the process being killed."""


def kill_after(calls):
    """A margin that raises once it has been asked so often."""
    asked = itertools.count(1)

    def margin():
        if next(asked) > calls:
            raise Killed
        return 0.0

    return margin


@pytest.mark.parametrize("mode", ["whole", "mini-batches"])
@pytest.mark.parametrize("method", METHODS)
def test_a_saved_adapter_really_has_the_rise_of_its_dose(weights, method, mode):
    course = forgetter(weights, method=method, **(MINI if mode == "mini-batches" else {})).run(
        FORGET
    )
    assert course.state == REACHED and course.reason == ""
    assert [row["dose"] for row in course.saved] == [0.3, 0.6]
    for row in course.saved:
        rise = rise_of(weights, row["weights"], FORGET)
        assert rise == pytest.approx(row["forget_rise"], abs=1e-5)
        assert row["dose"] <= row["forget_rise"] <= (1 + MAX_OVERSHOOT) * row["dose"]
        retain = rise_of(weights, row["weights"], RETAIN)
        assert retain == pytest.approx(row["retain_rise"], abs=1e-5)
    assert course.saved[0]["step"] < course.saved[1]["step"] == course.step


def test_training_all_weights_reaches_the_doses_too(weights):
    full = AdapterSettings(parameters="full")
    course = forgetter(weights, adapter=full).run(FORGET)
    assert course.state == REACHED
    for row in course.saved:
        rise = rise_of(weights, row["weights"], FORGET, adapter=full)
        assert rise == pytest.approx(row["forget_rise"], abs=1e-5)
        assert set(row["weights"]) == dict(base_model(weights).named_parameters()).keys()


def test_losses_of_the_base_model_stand_in_the_course(weights):
    course = forgetter(weights).run(FORGET)
    model = base_model(weights)
    assert course.base_loss == pytest.approx(plain_losses(model, FORGET).mean().item(), abs=1e-5)
    assert course.base_retain == pytest.approx(plain_losses(model, RETAIN).mean().item(), abs=1e-5)
    first = course.history[0]
    assert first["step"] == 0 and first["forget_rise"] == pytest.approx(0, abs=1e-5)


def test_the_first_step_descends_the_joined_gradient(weights):
    """AdamW's first step is the sign of the gradient: g_R / |g_R| - g_F / |g_F| by hand."""
    runner = forgetter(weights, adapter=AdapterSettings(parameters="full"), max_steps=1)
    model = base_model(weights).requires_grad_(True)
    trainable = list(model.parameters())

    def slope(documents):
        rows = [torch.from_numpy(ids.astype(np.int64))[None] for ids in documents]
        loss = torch.stack([model(input_ids=row, labels=row).loss for row in rows]).mean()
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, trainable)])

    forget, retain = slope(FORGET), slope(RETAIN)
    joined = retain / retain.norm() - forget / forget.norm()
    before = torch.cat([weight.detach().flatten() for weight in trainable])
    runner.run(FORGET)
    moved = torch.cat([w.detach().flatten() for w in runner.adapter.parameters()]) - before
    # Where the gradient is all but zero its sign is noise.
    clear = joined.abs() > 1e-4
    assert clear.float().mean() > 0.5
    assert torch.equal(moved[clear].sign(), -joined[clear].sign())
    torch.testing.assert_close(
        moved[clear].abs(), torch.full_like(moved[clear], 3e-3), rtol=0.01, atol=0
    )


def test_a_retain_weight_of_zero_ignores_the_retain_set(weights):
    """Then nothing holds the retain loss, which rises further than with the retain side."""
    rises = [
        forgetter(weights, retain_weight=w, method="graddiff").run(FORGET).saved[-1]["retain_rise"]
        for w in (0.0, 1.0)
    ]
    assert rises[0] > rises[1]


def test_a_step_too_long_is_halved_until_the_overshoot_is_small(weights):
    course = forgetter(weights, doses=(0.3,), learning_rate=0.05).run(FORGET)
    short = forgetter(weights, doses=(0.3,), learning_rate=3e-3).run(FORGET)
    assert course.state == REACHED
    assert course.step < short.step
    assert 0.3 <= course.saved[0]["forget_rise"] <= 0.33
    rise = rise_of(weights, course.saved[0]["weights"], FORGET)
    assert rise == pytest.approx(course.saved[0]["forget_rise"], abs=1e-5)


def test_history_never_shows_a_rise_beyond_the_overshoot_of_the_next_dose(weights):
    for lr in (3e-3, 0.02, 0.05):
        course = forgetter(weights, learning_rate=lr).run(FORGET)
        assert max(row["forget_rise"] for row in course.history) <= 0.6 * (1 + MAX_OVERSHOOT)
        steps = [row["step"] for row in course.history]
        assert steps == sorted(set(steps))


def test_mini_batches_measure_the_whole_set_every_so_many_steps(weights):
    course = forgetter(weights, **MINI).run(FORGET)
    assert course.history[1]["step"] == 3
    assert all(row["step"] % 3 == 0 for row in course.history)
    whole = forgetter(weights).run(FORGET)
    assert [row["step"] for row in whole.history] == list(range(whole.step + 1))


def test_a_pass_of_mini_batches_visits_each_document_once(weights):
    run = forgetter(weights, batch_documents=2).start(FORGET)
    passes = []
    for step in range(6):
        run.course.step = step
        passes.append(run._batch("forget", 6).tolist())
    for part in (passes[:3], passes[3:]):
        assert sorted(itertools.chain(*part)) == list(range(6))
    assert passes[:3] != passes[3:]


def test_margins_are_measured_at_the_start_at_doses_and_every_so_many_steps(weights):
    counted = itertools.count()
    course = forgetter(weights, margin=lambda: float(next(counted)), margin_every=4).run(FORGET)
    doses = {row["step"] for row in course.saved}
    for row in course.history:
        assert (row["margin"] is not None) == (row["step"] % 4 == 0 or row["step"] in doses)
    measured = [row["margin"] for row in course.history if row["margin"] is not None]
    assert measured == [float(i) for i in range(len(measured))]
    assert all(row["margin"] is not None for row in course.saved)


def test_two_runs_are_the_same_whatever_ran_between_them(weights):
    runner = forgetter(weights)
    first = runner.run(FORGET)
    runner.run(counting(5, 3, seed=9))
    torch.manual_seed(77)
    assert same_course(first, runner.run(FORGET))
    assert same_course(first, forgetter(weights).run(FORGET))


def test_seeds_matter(weights):
    first, second = (forgetter(weights, seed=seed).run(FORGET) for seed in (1, 2))
    assert not same_course(first, second)


@pytest.mark.parametrize(
    "settings",
    [
        {"margin_every": 1},
        MINI | {"margin_every": 3},
        {"margin_every": 1, "learning_rate": 0.02},  # steps are halved
    ],
    ids=["whole", "mini-batches", "halved"],
)
def test_a_killed_run_ends_with_the_same_bytes_as_a_whole_one(weights, tmp_path, settings):
    """Killed before the first save, between saves and after the first dose."""
    whole = forgetter(weights, save_every=2, **settings).run(FORGET)
    calls = len(whole.history)
    for kill in sorted({1, calls // 2, calls - 1}):
        state = tmp_path / str(kill) / "arm.pt"
        with pytest.raises(Killed):
            forgetter(weights, kill_after(kill), save_every=2, **settings).run(FORGET, state)
        again = forgetter(weights, save_every=2, **settings).run(FORGET, state)
        assert same_course(whole, again), kill


def test_a_resumed_run_does_not_begin_again(weights, tmp_path):
    whole = forgetter(weights, margin_every=1).run(FORGET)
    with pytest.raises(Killed):
        forgetter(weights, kill_after(10), margin_every=1, save_every=1).run(
            FORGET, tmp_path / "a.pt"
        )
    calls = []
    forgetter(weights, lambda: calls.append(0) or 0.0, margin_every=1, save_every=1).run(
        FORGET, tmp_path / "a.pt"
    )
    assert len(calls) == len(whole.history) - 10
    assert not list(tmp_path.glob("*.tmp"))


def test_a_finished_state_is_not_trained_further(weights, tmp_path):
    first = forgetter(weights, save_every=1).run(FORGET, tmp_path / "a.pt")
    again = forgetter(weights, kill_after(0), save_every=1).run(FORGET, tmp_path / "a.pt")
    assert same_course(first, again)


@pytest.mark.parametrize(
    "change", ["learning rate", "doses", "method", "seed", "forget", "adapter", "base"]
)
def test_a_state_of_another_run_is_ignored(weights, tmp_path, change, caplog):
    other = {
        "learning rate": {"learning_rate": 2e-3},
        "doses": {"doses": (0.2, 0.4)},
        "method": {"method": "npo"},
        "seed": {"seed": 2},
        "adapter": {"adapter": dataclasses.replace(LORA, alpha=4)},
    }.get(change, {})
    documents = FORGET[1:] if change == "forget" else FORGET
    with pytest.raises(Killed):
        forgetter(weights, kill_after(1), margin_every=4, save_every=2).run(
            FORGET, tmp_path / "a.pt"
        )
    assert (tmp_path / "a.pt").exists()
    if change == "base":
        weights = {name: weight * 1.01 for name, weight in weights.items()}
    common = {"margin_every": 4, "save_every": 2}
    alone = forgetter(weights, **(common | other)).run(documents)
    with caplog.at_level("WARNING", logger="atlas"):
        beside = forgetter(weights, **(common | other)).run(documents, tmp_path / "a.pt")
    assert same_course(alone, beside)
    assert "was written with other settings or data" in caplog.text


@pytest.mark.parametrize("damage", ["cut", "empty", "of something else"])
def test_a_damaged_state_is_dropped_in_one_line_and_costs_no_byte(
    weights, tmp_path, damage, caplog
):
    state, common = tmp_path / "a.pt", {"margin_every": 4, "save_every": 2}
    with pytest.raises(Killed):
        forgetter(weights, kill_after(1), **common).run(FORGET, state)
    whole = state.read_bytes()
    if damage == "of something else":
        torch.save({"weights": torch.zeros(2)}, state)
    else:
        state.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"")
    with caplog.at_level("WARNING", logger="atlas"):
        beside = forgetter(weights, **common).run(FORGET, state)
    assert same_course(forgetter(weights, **common).run(FORGET), beside)
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told.startswith(f"dropped {state}, which cannot be read") and "\n" not in told


def test_a_state_of_this_very_run_is_continued(weights, tmp_path, caplog):
    with pytest.raises(Killed):
        forgetter(weights, kill_after(1), margin_every=4, save_every=2).run(
            FORGET, tmp_path / "a.pt"
        )
    with caplog.at_level("INFO", logger="atlas"):
        forgetter(weights, margin_every=4, save_every=2).run(FORGET, tmp_path / "a.pt", "bottom")
    assert "bottom: resumed at step 4" in caplog.text


@pytest.mark.parametrize("rate", [1e3, 1e30])
@pytest.mark.parametrize("mode", ["whole", "mini-batches"])
def test_an_absurd_learning_rate_ends_collapsed(weights, rate, mode):
    settings = MINI if mode == "mini-batches" else {}
    course = forgetter(weights, learning_rate=rate, **settings).run(FORGET)
    assert course.state == COLLAPSED
    assert course.saved == []
    assert any(word in course.reason for word in ("forget loss", "retain loss", "gradient"))


def test_a_collapsed_run_leaves_the_next_arm_alone(weights):
    runner = forgetter(weights, max_forget_share=0.15)
    assert runner.run(FORGET).state == COLLAPSED
    other = counting(6, 3, seed=4)
    assert same_course(runner.run(other), forgetter(weights, max_forget_share=0.15).run(other))


def test_a_forget_loss_beyond_its_ceiling_is_a_collapse(weights):
    """Uniform guessing costs log 32 = 3.47 nats; a tenth of that lies below the first dose."""
    course = forgetter(weights, max_forget_share=0.1).run(FORGET)
    assert course.state == COLLAPSED and course.saved == []
    assert course.reason.startswith("the forget loss is 0.3")
    assert course.history[-1]["forget_loss"] > 0.1 * np.log(32)
    assert all(row["forget_loss"] <= 0.1 * np.log(32) for row in course.history[:-1])


def test_a_retain_loss_beyond_its_floor_is_a_collapse(weights):
    """Without the retain side and with the retain set forgotten: its loss rises with the other."""
    course = forgetter(
        weights, max_retain_rise=0.1, retain_weight=0.0, method="graddiff", doses=(1.0,)
    ).run(RETAIN)
    assert course.state == COLLAPSED and course.saved == []
    assert course.reason.startswith("the retain loss rose by 0.")
    assert course.history[-1]["retain_rise"] > 0.1
    assert course.history[-1]["forget_rise"] < 1.0


def test_doses_before_a_collapse_are_kept(weights):
    """The ceiling of 0.15 log 32 = 0.52 nats lies between the doses of 0.3 and 0.6."""
    course = forgetter(weights, max_forget_share=0.15).run(FORGET)
    assert course.state == COLLAPSED
    assert [row["dose"] for row in course.saved] == [0.3]


def test_steps_that_run_out_leave_the_dose_unreached(weights):
    course = forgetter(weights, max_steps=9, doses=(0.1, 5.0), learning_rate=2e-3).run(FORGET)
    assert course.state == UNREACHED
    assert course.reason == "max_steps (9) reached"
    assert course.step == 9 and course.history[-1]["step"] == 9
    assert [row["dose"] for row in course.saved] == [0.1]


def test_mini_batches_do_not_go_beyond_max_steps(weights):
    """max_steps 4 is no multiple of measure_every 3."""
    course = forgetter(weights, max_steps=4, doses=(5.0,), **MINI).run(FORGET)
    assert course.state == UNREACHED
    assert course.step <= 4


def test_halving_gives_up_after_so_many_times_and_saves_what_there_is(weights):
    """A dose far below what a 256th of the first step does: saved beyond its overshoot."""
    full_step = forgetter(weights, doses=(5.0,), max_steps=1).run(FORGET).history[1]["forget_rise"]
    course = forgetter(weights, doses=(1e-6, 0.3)).run(FORGET)
    assert course.state == REACHED
    first = course.saved[0]
    assert first["step"] == 1 and first["forget_rise"] > 1.1e-6
    # LoRA starts from B = 0, so a small share of the first step has that share of the rise.
    assert first["forget_rise"] == pytest.approx(full_step / 2**MAX_HALVINGS, rel=0.5)


@pytest.mark.parametrize("settings", [{}, MINI], ids=["whole", "mini-batches"])
def test_a_row_keeps_the_worst_retain_batch_until_the_next_measurement(weights, settings):
    """The first step leaves from the base model, where no retain loss has risen."""
    course = forgetter(weights, **settings).run(FORGET)
    first = course.history[0]["retain_batch_rise"]
    assert first >= -1e-5
    if not settings:
        assert first == pytest.approx(0, abs=1e-5)
    assert course.history[-1]["retain_batch_rise"] is None
    assert all(row["retain_batch_rise"] is not None for row in course.history[:-1])
