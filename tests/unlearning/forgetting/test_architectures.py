"""Losses and LoRA adapters on models other than Olmo3."""

import copy

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.support import ARCHITECTURES, VOCABULARY, architecture, token_documents
from tests.unlearning.made_up import plain_losses
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.model.losses import document_losses
from workflow_scripts.unlearning.forgetting.adapter_files import KEYS, read_adapters, write_adapters
from workflow_scripts.unlearning.forgetting.forgetting import ForgetSettings, Forgetter
from workflow_scripts.unlearning.forgetting.methods import method_of
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings

OTHERS = [name for name in ARCHITECTURES if name != "gpt_neox"]
LORA = AdapterSettings(rank=4, alpha=8)
DOCUMENTS = [np.array(ids, np.int32) for ids in token_documents(12)]


def trained(name):
    """A model that has learnt the documents by heart: one that knows nothing cannot forget."""
    model = architecture(name)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(25):
        optimizer.zero_grad()
        document_losses(model, DOCUMENTS).mean().backward()
        optimizer.step()
    return model


@pytest.mark.parametrize(
    "name", ["gpt_neox", *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)]
)
def test_adapters_forget_and_come_back_from_their_file(name, tmp_path):
    base = trained(name)
    blocks = [m for m in base.base_model.modules() if isinstance(m, torch.nn.Linear)]
    before = plain_losses(base, DOCUMENTS)
    adapter = Adapter(copy.deepcopy(base), LORA)
    assert len(adapter.parameters()) == 2 * len(blocks)  # the output layer is left alone
    settings = ForgetSettings((0.3,), learning_rate=3e-3, max_steps=80, max_retain_rise=5.0)
    method = method_of("ngdiff")
    course = Forgetter(adapter, method, settings, DOCUMENTS[6:], lambda: 0.0, 1).run(DOCUMENTS[:6])
    (saved,) = [row["weights"] for row in course.saved if row["weights"]]
    about = dict.fromkeys(KEYS) | {"base": "b"}
    write_adapters(tmp_path / "a.safetensors", {0.3: saved}, about)
    weights, _ = read_adapters(tmp_path / "a.safetensors", "b")
    fresh = Adapter(copy.deepcopy(base), LORA)
    fresh.load(weights[0.3])
    with torch.no_grad():
        after = document_losses(fresh.causal_model(), DOCUMENTS[:6])
    assert 0.25 < float((after - before[:6]).mean()) < 0.4
    torch.testing.assert_close(after, plain_losses(fresh.causal_model(), DOCUMENTS[:6]))


@pytest.mark.parametrize("name", ["gemma2", "cohere", "granite", "gpt2", "phi3"])
def test_losses_are_those_of_hugging_face_also_where_logits_are_scaled_or_capped(name):
    """Gemma caps its logits, Cohere and Granite scale them: more than the output layer."""
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 1}
    sizes |= {"num_attention_heads": 4, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
    own = {"gemma2": {"final_logit_softcapping": 1.0}, "granite": {"logits_scaling": 8.0}}
    torch.manual_seed(0)
    config = AutoConfig.for_model(name, **sizes, **own.get(name, {}))
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        losses = document_losses(model, DOCUMENTS[:4])
    torch.testing.assert_close(losses, plain_losses(model, DOCUMENTS[:4]), rtol=1e-5, atol=1e-5)


def test_a_model_on_several_devices_is_refused_in_one_line():
    model = architecture("llama")
    model.model.layers[1].to("meta")
    with pytest.raises(ConfigError, match=r"model.device 'auto' dealt it over several") as caught:
        Adapter(model, LORA)
    assert "\n" not in str(caught.value)
