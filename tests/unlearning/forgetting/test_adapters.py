"""Adapters on a base model, and the files that hold them."""

import re

import pytest
import torch

from tests.unlearning.made_up import LORA, RETAIN, base_model, same_weights
from workflow_scripts.common.errors import ConfigError, IntegrityError
from workflow_scripts.model.losses import document_losses
from workflow_scripts.unlearning.forgetting.adapter_files import read_adapters, write_adapters
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings

FULL = AdapterSettings(parameters="full")
BASE = "0123456789abcdef" * 4


def logits(model):
    with torch.no_grad():
        return model(torch.from_numpy(RETAIN[0])[None].long()).logits


@pytest.fixture(params=[LORA, FULL], ids=["lora", "full"])
def adapter(request, weights):
    adapter = Adapter(base_model(weights), request.param)
    adapter.reset(1)
    return adapter


def disturb(adapter):
    """One step of gradient descent, which moves what is trainable."""
    loss = document_losses(adapter.causal_model(), RETAIN[:4]).mean()
    slopes = torch.autograd.grad(loss, adapter.parameters())
    with torch.no_grad():
        for weight, slope in zip(adapter.parameters(), slopes, strict=True):
            weight -= 0.5 * slope


def test_a_fresh_adapter_gives_exactly_the_base_models_logits(adapter, weights):
    assert torch.equal(logits(adapter.causal_model()), logits(base_model(weights)))


def test_reset_takes_training_back(adapter, weights):
    start = adapter.weights()
    disturb(adapter)
    assert not torch.allclose(logits(adapter.causal_model()), logits(base_model(weights)))
    adapter.reset(1)
    assert same_weights(adapter.weights(), start)
    assert torch.equal(logits(adapter.causal_model()), logits(base_model(weights)))


def test_loaded_weights_give_the_same_logits(adapter, weights):
    disturb(adapter)
    other = Adapter(base_model(weights), adapter.settings)
    other.load(adapter.weights())
    assert torch.equal(logits(other.causal_model()), logits(adapter.causal_model()))


def test_weights_are_a_copy(adapter):
    kept = adapter.weights()
    before = {name: weight.clone() for name, weight in kept.items()}
    disturb(adapter)
    assert same_weights(kept, before)


def test_lora_trains_two_small_matrices_per_linear_layer_and_nothing_else(weights):
    adapter = Adapter(base_model(weights), LORA)
    shapes = {
        name: tuple(module.weight.shape)
        for name, module in base_model(weights).named_modules()
        if isinstance(module, torch.nn.Linear) and name != "lm_head"
    }
    assert len(shapes) == 7
    expected = sum(LORA.rank * sum(shape) for shape in shapes.values())
    assert sum(weight.numel() for weight in adapter.parameters()) == expected
    before = {n: w.clone() for n, w in adapter.model.named_parameters() if not w.requires_grad}
    disturb(adapter)
    after = {n: w for n, w in adapter.model.named_parameters() if not w.requires_grad}
    assert same_weights(before, after)


def test_full_trains_every_weight_of_the_model(weights):
    adapter = Adapter(base_model(weights), FULL)
    assert set(adapter.weights()) == dict(base_model(weights).named_parameters()).keys()


def test_the_start_depends_on_the_seed_alone(weights):
    adapter = Adapter(base_model(weights), LORA)
    torch.manual_seed(5)
    adapter.reset(1)
    first = adapter.weights()
    torch.manual_seed(6)
    adapter.reset(1)
    assert same_weights(adapter.weights(), first)
    adapter.reset(2)
    assert not same_weights(adapter.weights(), first)


def test_the_start_of_lora_is_as_wide_as_kaimings(weights):
    """U(-1, 1) / sqrt(fan in): a standard deviation of 1 / sqrt(3 fan in)."""
    adapter = Adapter(base_model(weights), AdapterSettings(rank=64, alpha=64))
    adapter.reset(1)
    for name, weight in adapter.weights().items():
        if "lora_A" in name:
            fan_in = weight.shape[1]
            assert weight.abs().max() <= fan_in**-0.5
            # 1,024 draws and more: a tenth is over four standard errors.
            assert weight.std().item() == pytest.approx((3 * fan_in) ** -0.5, rel=0.1)
        else:
            assert not weight.any()


def test_weights_of_another_shape_or_name_are_refused(weights):
    adapter = Adapter(base_model(weights), LORA)
    kept = adapter.weights()
    wider = Adapter(base_model(weights), AdapterSettings(rank=5, alpha=8)).weights()
    fewer = dict(list(kept.items())[1:])
    for wrong in (wider, fewer, kept | {"more": torch.zeros(1)}):
        with pytest.raises(IntegrityError, match="not those of this base model"):
            adapter.load(wrong)
    assert same_weights(adapter.weights(), kept)


def test_a_model_without_linear_layers_is_refused_in_one_line(weights):
    from transformers import Olmo3Config, PreTrainedModel

    class Bare(PreTrainedModel):
        config_class = Olmo3Config
        _supports_sdpa = True

        def __init__(self, config):
            super().__init__(config)
            self.table = torch.nn.Embedding(4, 4)

        def prepare_inputs_for_generation(self):
            raise NotImplementedError

    with pytest.raises(ConfigError, match="LoRA cannot adapt this model"):
        Adapter(Bare(base_model(weights).config), LORA)


def some_adapters(weights, doses=(0.5, 1.0)):
    adapter = Adapter(base_model(weights), LORA)
    by_dose = {}
    for seed, dose in enumerate(doses):
        adapter.reset(seed)
        by_dose[dose] = adapter.weights()
    return by_dose


ABOUT = {
    "base": BASE,
    "adapter": {"rank": 4},
    "target": "x",
    "topic": "t",
    "seed": 3,
    "arm": "random",
}


@pytest.mark.parametrize("doses", [(0.5, 1.0), (0.25, 2, 10.5), (0.5, 1 / 3 + 0.5)])
def test_adapters_come_back_as_they_were_written(weights, tmp_path, doses):
    by_dose = some_adapters(weights, doses)
    write_adapters(tmp_path / "a.safetensors", by_dose, ABOUT)
    found, about = read_adapters(tmp_path / "a.safetensors", BASE)
    assert about == ABOUT
    assert set(found) == set(by_dose)
    assert all(same_weights(found[dose], by_dose[dose]) for dose in by_dose)


def test_an_adapter_file_has_the_same_bytes_when_written_again(weights, tmp_path):
    by_dose = some_adapters(weights)
    turned = {d: dict(reversed(list(w.items()))) for d, w in reversed(list(by_dose.items()))}
    write_adapters(tmp_path / "a", by_dose, ABOUT)
    write_adapters(tmp_path / "b", turned, dict(reversed(list(ABOUT.items()))))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_arm_that_reached_no_dose_is_a_file_without_adapters(tmp_path):
    write_adapters(tmp_path / "a", {}, ABOUT)
    assert read_adapters(tmp_path / "a", BASE) == ({}, ABOUT)


def test_adapters_of_another_base_model_are_refused_by_name(weights, tmp_path):
    write_adapters(tmp_path / "a", some_adapters(weights), ABOUT)
    with pytest.raises(IntegrityError) as caught:
        read_adapters(tmp_path / "a", "f" * 64)
    message = str(caught.value)
    assert str(tmp_path / "a") in message and "\n" not in message
    assert BASE[:12] in message and "f" * 12 in message


def test_an_adapter_that_does_not_say_what_it_is_is_refused_by_name(weights, tmp_path):
    write_adapters(tmp_path / "a", some_adapters(weights), {"base": BASE, "arm": "random"})
    with pytest.raises(IntegrityError) as caught:
        read_adapters(tmp_path / "a", BASE)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{tmp_path / 'a'} does not say its adapter and target and topic and seed" in message


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "no metadata"])
def test_a_damaged_file_is_refused_by_name(weights, tmp_path, damage):
    path = tmp_path / "a.safetensors"
    write_adapters(path, some_adapters(weights), ABOUT)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    if damage == "empty":
        path.write_bytes(b"")
    if damage == "gone":
        path.unlink()
    if damage == "no metadata":
        from safetensors.torch import save_file

        save_file({"0.5/x": torch.zeros(1)}, path)
    with pytest.raises(IntegrityError, match=f"adapter {re.escape(str(path))} is damaged"):
        read_adapters(path, BASE)
