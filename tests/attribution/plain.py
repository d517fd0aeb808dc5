"""References for the engine: plain autograd, and the library's projection matrices."""

import numpy as np
import torch
from bergson.collector.collector import HookCollectorBase, create_projection_matrix
from transformers.pytorch_utils import Conv1D


def collect(engine, sequences, tokens_per_batch=256):
    rows = torch.full((len(sequences.input_ids), len(engine.modules), engine.block), torch.nan)

    def sink(indices, batch):
        rows[indices] = batch

    losses = engine.stream(sequences, sink, tokens_per_batch)
    return rows, losses


def autograd_rows(engine, input_ids, starts):
    """Per-document gradients by plain autograd, projected with the library's matrices."""
    model = engine.model
    layers = [model.base_model.get_submodule(name) for name in engine.modules]
    for layer in layers:
        layer.weight.requires_grad_(True)
    rows, losses = [], []
    for ids, start in zip(input_ids, starts, strict=True):
        tokens = torch.tensor([ids])
        logits = model(tokens).logits[0, :-1]
        per_token = torch.nn.functional.cross_entropy(logits, tokens[0, 1:], reduction="none")
        loss = per_token[max(start, 1) - 1 :].sum()
        gradients = torch.autograd.grad(loss, [layer.weight for layer in layers])
        # GPT-2 keeps its weights as (inputs, outputs), where a linear layer has (outputs, inputs).
        gradients = [
            gradient.T if isinstance(layer, Conv1D) else gradient
            for layer, gradient in zip(layers, gradients, strict=True)
        ]
        rows.append(
            torch.stack(
                [project(engine, *pair) for pair in zip(engine.modules, gradients, strict=True)]
            )
        )
        losses.append(float(loss.detach()))
    for layer in layers:
        layer.weight.requires_grad_(False)
    return torch.stack(rows), np.array(losses)


def project(engine, name, gradient):
    left, right = (
        create_projection_matrix(
            HookCollectorBase.projection_identifier(name, role, engine.projection_seed),
            engine.projection_dim,
            size,
            torch.float32,
            torch.device("cpu"),
            "rademacher",
            "jl",
        )
        for role, size in zip(("left", "right"), gradient.shape, strict=True)
    )
    return (left @ gradient @ right.T).flatten()
