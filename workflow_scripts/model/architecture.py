"""The small Olmo3-architecture model: its shape and its first weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from transformers import Olmo3Config, Olmo3ForCausalLM

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.random_streams import stream


class TrainingError(AtlasError):
    """The training cannot start, or has left the range where its result means anything."""


@dataclass(frozen=True)
class ArchitectureSettings:
    """Shape of the Olmo3 model; every width in units of float32 features.

    ``embedding_std``: standard deviation of the embeddings at the start. Olmo3 normalises what a
    layer adds, not what it reads, so embeddings as small as usual (0.02) drown in the first sum.
    """

    hidden_size: int = 64
    layers: int = 3
    heads: int = 4
    intermediate_size: int = 192
    max_positions: int = 256
    embedding_std: float = 0.1

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if name != "embedding_std" and value < 1:
                raise TrainingError(f"architecture.{name} is {value}; allowed: 1 or more")
        if not self.embedding_std > 0:
            raise TrainingError(f"architecture.embedding_std is {self.embedding_std}; allowed: > 0")
        if self.hidden_size % (2 * self.heads):
            raise TrainingError(
                f"architecture.hidden_size is {self.hidden_size}; allowed: a multiple of "
                f"2 x heads ({2 * self.heads}), since rotary positions turn pairs of features"
            )


def model_config(architecture: ArchitectureSettings, vocab_size: int) -> Olmo3Config:
    """The configuration of a float32 model of this shape."""
    return Olmo3Config(
        vocab_size=vocab_size,
        hidden_size=architecture.hidden_size,
        intermediate_size=architecture.intermediate_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.heads,
        max_position_embeddings=architecture.max_positions,
        sliding_window=architecture.max_positions,
        initializer_range=architecture.hidden_size**-0.5,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        attn_implementation="sdpa",
        dtype=torch.float32,
    )


def build_model(architecture: ArchitectureSettings, vocab_size: int, seed: int) -> Olmo3ForCausalLM:
    """A freshly initialised float32 model; the same arguments give the same weights."""
    torch.manual_seed(int(stream(seed, "model", "weights").integers(2**31)))
    model = Olmo3ForCausalLM(model_config(architecture, vocab_size))
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(std=architecture.embedding_std)
    return model
