"""Small real objects for tests: a tiny Olmo3 model, made-up token documents, rule namespaces."""

import json
from types import SimpleNamespace

import numpy as np
import polars as pl

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS

VOCABULARY = 101


class Named(SimpleNamespace):
    """Stand-in for Snakemake's input, output and params: names, iteration, ``get``."""

    def items(self):
        return vars(self).items()

    def get(self, name, default=None):
        return vars(self).get(name, default)

    def __iter__(self):
        for value in vars(self).values():
            yield from [value] if isinstance(value, str) else value

    def __getitem__(self, index):
        return list(self)[index]


def rule_call(rule, *, input=None, output=None, params=None, log=None, wildcards=None):
    """A namespace with what a rule script reads from Snakemake."""
    text = {name: str(path) for name, path in (output or {}).items()}
    return SimpleNamespace(
        rule=rule,
        input=Named(**(input or {})),
        output=Named(**text),
        params=Named(**(params or {})),
        wildcards=Named(**(wildcards or {})),
        log=[str(log)] if log else [],
        threads=1,
    )


def tiny_model(seed=0, layers=2, hidden=32):
    """A random Olmo3 model with all its parts, 14 linear layers, float32."""
    import torch
    from transformers import Olmo3Config, Olmo3ForCausalLM

    torch.manual_seed(seed)
    config = Olmo3Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        sliding_window=16,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return Olmo3ForCausalLM(config).eval()


# Architectures that differ in what an adapter can trip over.
ARCHITECTURES = {
    "olmo2": "norms after each block",
    "llama": "grouped queries, embedding tied to the output layer",
    "gpt_neox": "Pythia: fused q, k and v with biases, parallel residual, partial rotary positions",
    "qwen2": "biases on q, k and v alone",
    "qwen3": "norms on q and k, heads wider than hidden_size / heads",
}


def architecture(name, vocab_size=VOCABULARY, seed=0, positions=128):
    """A tiny random model of one of ``ARCHITECTURES``, biases and norms not at their start."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    own = {"llama": {"tie_word_embeddings": True}, "qwen3": {"head_dim": 12}}
    grouped = {} if name == "gpt_neox" else {"num_key_value_heads": 2}
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        name,
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=positions,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        **grouped,
        **own.get(name, {}),
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(torch.randn_like(weight), alpha=0.1)
    return model.eval()


def token_documents(count, seed=0, shortest=5, longest=40):
    """Lists of random token ids of varied length."""
    rng = stream(seed, "token documents")
    lengths = rng.integers(shortest, longest + 1, size=count)
    return [rng.integers(1, VOCABULARY, size=length).tolist() for length in lengths]


def shard_frame(count, seed=0, bins=6, folds=4):
    """A table like ``corpus/shards``: ``count`` documents over the first ``bins`` bins."""
    rng = stream(seed, "shard frame")
    owner = np.sort(rng.integers(0, bins, size=count))
    ids = token_documents(count, seed)
    return pl.DataFrame(
        {
            "doc_id": [f"doc-{index:04d}" for index in range(count)],
            "topic": [BINS[index][0] for index in owner],
            "format": [BINS[index][1] for index in owner],
            "fold": rng.integers(0, folds, size=count),
            "input_ids": pl.Series(ids, dtype=pl.List(pl.Int32)),
            "n_tokens": [len(tokens) for tokens in ids],
            "n_tokens_full": [len(tokens) for tokens in ids],
        }
    )


def write_arc(data):
    """One question of arc_challenge, where a study with this folder as ``data`` looks for it."""
    choices = [{"text": "iron", "label": "A"}, {"text": "wood", "label": "B"}]
    question = {"stem": "What does a magnet attract?", "choices": choices}
    path = data / "arc_challenge" / "ARC-Challenge-Dev.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps({"id": "1", "question": question, "answerKey": "A"}) + "\n")
