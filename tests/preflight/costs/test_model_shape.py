"""The shape of a model without its weights, against the model itself."""

import json

import pytest
import torch
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Olmo3Config,
)

from tests.support import tiny_model
from workflow_scripts.common.config.load import load_study
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.model.architecture import build_model
from workflow_scripts.model.training.train_task import split_settings
from workflow_scripts.preflight.costs.model_shape import read_shape, shape_of, stated_shape


def llama(tied):
    config = LlamaConfig(
        vocab_size=101,
        hidden_size=32,
        intermediate_size=80,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config)


def neox():
    config = GPTNeoXConfig(
        vocab_size=101,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
    )
    return GPTNeoXForCausalLM(config)


def linear_layers(model):
    """Layers that the gradients are taken of: linear layers below the output layer."""
    return [layer for layer in model.base_model.modules() if isinstance(layer, torch.nn.Linear)]


@pytest.mark.parametrize(
    "build",
    [tiny_model, lambda: llama(False), lambda: llama(True), neox],
    ids=["olmo3", "llama", "llama tied", "neox"],
)
def test_shape_of_a_folder_is_that_of_its_model(tmp_path, build):
    model = build()
    model.save_pretrained(tmp_path)
    shape = read_shape(tmp_path)
    layers = linear_layers(model)
    assert shape.parameters == model.num_parameters()
    assert shape.modules == len(layers)
    assert shape.sides == sum(each.in_features + each.out_features for each in layers)
    assert shape.layers == model.config.num_hidden_layers
    output = model.get_output_embeddings().weight.numel()
    matrices = sum(each.weight.numel() for each in layers)
    # A token is multiplied with the layers and the output layer, not with the input embedding.
    small = sum(weight.numel() for weight in model.parameters() if weight.ndim == 1)
    assert shape.active == matrices + output + small


def test_shape_of_a_trained_model_is_that_of_its_settings():
    config = load_study()
    architecture, _ = split_settings(config["model"]["train"])
    model = build_model(architecture, config["corpus"]["vocab_size"], 0)
    shape = shape_of(config)
    assert shape.parameters == model.num_parameters()
    assert shape.modules == len(linear_layers(model))


def test_shape_without_weights_comes_from_config_json(tmp_path):
    """Also: the numbers that the configs of the study state are those of its architecture."""
    Olmo3Config(vocab_size=100278).save_pretrained(tmp_path)
    stated = load_study("configs/olmo3-7b.yaml")["preflight"]["model"]
    assert read_shape(tmp_path) == stated_shape(**stated)
    assert stated["parameters"] == 7_298_011_136


def test_folder_that_is_no_decoder_is_refused(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    del settings["vocab_size"]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match=r"model\.pretrained\.path"):
        read_shape(tmp_path)


def test_hub_model_of_unknown_size_is_refused_by_key():
    config = load_study("configs/olmo3-7b.yaml")
    config["preflight"]["model"]["parameters"] = 0
    with pytest.raises(ConfigError, match=r"preflight\.model"):
        shape_of(config)
