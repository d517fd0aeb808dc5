"""The list of tested architectures in the README: each as a tiny model against plain autograd."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from bergson import GradientCollector
from transformers import AutoConfig, AutoModelForCausalLM

from tests.attribution.plain import autograd_rows, collect
from tests.support import VOCABULARY, token_documents
from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences
from workflow_scripts.model.layers import check_layers, linear_shapes
from workflow_scripts.model.losses import document_losses

ROOT = Path(__file__).resolve().parents[2]
P, SEED = 4, 3

OLD = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
PLAIN = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
GROUPED = PLAIN | {"num_key_value_heads": 2}
GEMMA = GROUPED | {"head_dim": 8}
FALCON = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
NEO = {
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 4,
    "max_position_embeddings": 128,
    "attention_types": [[["global", "local"], 1]],
    "intermediate_size": 64,
}
GRANITE = {"logits_scaling": 4.0, "embedding_multiplier": 3.0, "residual_multiplier": 0.5}

# Name in the README, and a tiny configuration. Those that differ in what a hook can trip over are
# quick tests.
ARCHITECTURES = {
    "gpt2": ("GPT-2", OLD),
    "gpt_neo": ("GPT-Neo", NEO),
    "gptj": ("GPT-J", OLD | {"rotary_dim": 4}),
    "gpt_bigcode": ("BigCode", OLD),
    "gemma": ("Gemma 1", GEMMA),
    "gemma2": ("Gemma 2", GEMMA),
    "gemma3_text": ("Gemma 3", GEMMA),
    "bloom": ("BLOOM", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "mpt": ("MPT", {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 128}),
    "phi": ("Phi", PLAIN),
    "phi3": ("Phi-3", PLAIN | {"pad_token_id": 0}),
    "mistral": ("Mistral", GROUPED),
    "cohere": ("Cohere", GROUPED),
    "granite": ("Granite", GROUPED | GRANITE),
    "falcon": ("Falcon", FALCON),
    "falcon-new": ("Falcon", FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2}),
}
QUICK = ("gpt2", "gemma2", "falcon", "falcon-new")


@pytest.fixture(
    params=[
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in ARCHITECTURES
    ]
)
def model(request):
    """A tiny random model, biases and norms not at their start."""
    _, shape = ARCHITECTURES[request.param]
    kind = request.param.partition("-")[0]
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind, vocab_size=VOCABULARY, bos_token_id=0, eos_token_id=0, **shape
    )
    made = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.ndim == 1:
                weight.add_(torch.randn_like(weight), alpha=0.1)
    return made.eval()


def test_gradients_and_losses_agree_with_plain_autograd(model):
    """Measured: 1e-7 to 5e-7 of the largest entry."""
    sequences = Sequences(token_documents(5))
    engine = GradientEngine(model, P, SEED)
    rows, losses = collect(engine, sequences)
    expected, expected_losses = autograd_rows(engine, sequences.input_ids, [1] * 5)
    assert (rows - expected).abs().max() <= 2e-6 * expected.abs().max()
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)


def test_layers_are_found_without_values_as_the_library_finds_them(model):
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(model.config)
    layers = list(linear_shapes(empty))
    check_layers(empty, layers)
    assert layers == list(GradientCollector.discover_targets(model.base_model))


def test_losses_of_unlearning_are_those_of_the_model(model):
    """Some scale or cap what the output layer gives."""
    documents = token_documents(3)
    with torch.no_grad():
        found = document_losses(model, [np.array(ids, dtype=np.int32) for ids in documents])
        tokens = [torch.tensor([ids]) for ids in documents]
        plain = [model(ids, labels=ids).loss for ids in tokens]
    np.testing.assert_allclose(found, torch.stack(plain), rtol=1e-5)


def test_the_readme_lists_every_tested_architecture():
    line = re.search(r"Tested shapes are (.*?);", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    words = " ".join(line.split())
    for name, _ in ARCHITECTURES.values():
        assert name in words or ("Gemma" in name and "Gemma 1 to 3" in words)
