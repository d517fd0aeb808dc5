"""The gradient passes on models other than Olmo3: gradients, documents, questions, refusals."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.attribution.plain import autograd_rows, collect
from tests.attribution.test_query_rows import queries
from tests.support import ARCHITECTURES, architecture, shard_frame, token_documents
from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences
from workflow_scripts.attribution.document_pass import PassSettings, attribute
from workflow_scripts.attribution.query_rows import collect_query_rows, unit_query_rows
from workflow_scripts.attribution.whitening import inverse_root, unit, whiten
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.model.loading import deal

P, SEED, TOKENS = 4, 3, 256


@pytest.fixture(params=ARCHITECTURES)
def engine(request):
    return GradientEngine(architecture(request.param), P, SEED)


def test_rows_and_losses_agree_with_plain_autograd(engine):
    for sequences, starts in (
        (Sequences(token_documents(5)), [1] * 5),
        (Sequences(token_documents(3, seed=1, shortest=8), [3, 5, 4]), [3, 5, 4]),
    ):
        rows, losses = collect(engine, sequences)
        expected, expected_losses = autograd_rows(engine, sequences.input_ids, starts)
        assert (rows - expected).abs().max() <= 1e-5 * expected.abs().max()
        np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)


def test_every_linear_layer_of_the_blocks_is_read_and_the_output_layer_is_not(engine):
    head = engine.model.get_output_embeddings()
    layers = [engine.model.base_model.get_submodule(name) for name in engine.modules]
    linear = [m for m in engine.model.modules() if isinstance(m, torch.nn.Linear)]
    assert head not in layers
    assert {id(layer) for layer in layers} == {id(layer) for layer in linear} - {id(head)}


def test_influence_from_sketch_and_questions_is_the_mean_of_plain_cosines(engine):
    """Preconditioner, document pass and question pass together, against their definition."""
    shard, asked = shard_frame(24, bins=1, folds=2), queries(3)
    ids = shard["input_ids"].to_list()
    moments, _ = preconditioner.fit(
        engine, ids, reduction="mean", damping=0.1, tokens_per_batch=TOKENS
    )
    roots = inverse_root(moments, 0.1)
    sums, documents = attribute(engine, roots, shard, PassSettings("mean", "float32", TOKENS))
    rows = unit_query_rows(collect_query_rows(engine, asked, "gold", TOKENS), roots)
    total = sum(sums.sums["trackstar"]).numpy() / shard.height
    plain, losses = autograd_rows(engine, ids, [1] * len(ids))
    counts = np.array([len(tokens) - 1 for tokens in ids])
    plain = plain / torch.tensor(counts).view(-1, 1, 1)
    scores = unit(whiten(plain, roots)).numpy() @ rows.T
    np.testing.assert_allclose(rows @ total, scores.mean(axis=0), atol=1e-5 * np.abs(scores).max())
    np.testing.assert_allclose(documents["loss"], losses / counts, rtol=1e-5)


def test_no_gradient_of_a_large_weight_is_formed(engine):
    """A trainable embedding would cost its own size in every batch, a tied one the head's work."""
    seen = []
    for weight in engine.model.parameters():
        if weight.requires_grad:
            weight.register_post_accumulate_grad_hook(lambda w: seen.append(w.numel()))
    collect(engine, Sequences(token_documents(4)))
    assert seen
    assert max(seen) <= 64


def test_layers_that_do_not_rest_on_the_device_they_run_on_give_the_same_bytes(tmp_path):
    """Hooks on several GPUs, where accelerate moves weights and activations per layer.

    With one processor alone, layers whose weights are read from disk for each call replace layers
    on another GPU; they pass through the same hooks of accelerate.
    """
    from accelerate import dispatch_model

    sequences = Sequences(token_documents(6))
    whole, losses = collect(GradientEngine(architecture("llama"), P, SEED), sequences)
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk"}
    places |= {"model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "cpu"}
    dealt = dispatch_model(
        architecture("llama"), places, main_device="cpu", offload_dir=str(tmp_path)
    )
    assert {weight.device.type for weight in dealt.parameters()} == {"cpu", "meta"}
    rows, same = collect(GradientEngine(dealt, P, SEED), sequences)
    assert torch.equal(rows, whole)
    assert (losses == same).all()


def test_a_model_dealt_over_one_device_is_unchanged():
    model = deal(architecture("qwen2"), {"": "cpu"})
    sequences = Sequences(token_documents(3))
    rows, _ = collect(GradientEngine(model, P, SEED), sequences)
    whole, _ = collect(GradientEngine(architecture("qwen2"), P, SEED), sequences)
    assert torch.equal(rows, whole)


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        (
            "mixtral",
            {"num_local_experts": 2, "num_key_value_heads": 2},
            "experts.* mixtures of experts",
        ),
        ("mamba", {"state_size": 4}, "cannot be attributed"),
    ],
)
def test_an_architecture_that_cannot_be_read_is_refused_in_one_line(kind, keys, words):
    config = AutoConfig.for_model(
        kind,
        vocab_size=50,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        **keys,
    )
    with pytest.raises(ConfigError, match=words) as caught:
        GradientEngine(AutoModelForCausalLM.from_config(config), P, SEED)
    assert "\n" not in str(caught.value)
