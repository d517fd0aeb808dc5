"""A tiny model and tokenizer, and a folder of made-up definitions."""

import socket
from types import SimpleNamespace

import pytest
import torch

from tests.benchmarks.made_up import CHOICES, PROMPTS, Workbench


@pytest.fixture(scope="session")
def tiny():
    """An untrained Olmo3 model, and a tokenizer that fits it."""
    from transformers import Olmo3Config, Olmo3ForCausalLM

    from workflow_scripts.corpus.tokens.tokenizer import fit_tokenizer

    tokenizer = fit_tokenizer([f"{p} {c}" for p in PROMPTS for c in CHOICES], 320)
    torch.manual_seed(0)
    config = Olmo3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        initializer_range=0.5,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return SimpleNamespace(model=Olmo3ForCausalLM(config).eval(), tokenizer=tokenizer)


@pytest.fixture
def workbench(tmp_path) -> Workbench:
    return Workbench(tmp_path)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Every test here runs without a network: opening a connection fails."""

    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def ask(tiny, workbench):
    """Answers of the tiny model to a definition."""

    from workflow_scripts.benchmarks.lm_eval_adapter import Examiner

    def run(definition, **kwargs):
        results = str(workbench.results)
        return Examiner(definition, results, "none").ask(tiny.model, tiny.tokenizer, **kwargs)

    return run
