"""Losses of documents under a model, in padded batches."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

Tokens = Sequence[np.ndarray]


def token_losses(model: PreTrainedModel, batch: Tokens) -> tuple[Tensor, Tensor]:
    """Loss of every predicted token of a batch.

    Padding is on the right, where a causal model cannot see it, so no mask is needed; the output
    layer, half of the arithmetic of a small model, runs on real tokens only.

    Args:
        model: causal language model.
        batch: n arrays of int32 token ids, each of two tokens or more.

    Returns:
        Losses (nats) of all predicted tokens of the batch in one row, float32, and the document
        (0 to n - 1) of each.
    """
    lengths = torch.tensor([len(ids) for ids in batch])
    ids = torch.zeros(len(batch), int(lengths.max()), dtype=torch.long)
    for row, document in zip(ids, batch, strict=True):
        row[: len(document)] = torch.from_numpy(document.astype(np.int64))
    real = torch.arange(ids.shape[1] - 1) < (lengths - 1)[:, None]  # (n, longest - 1)
    ids, real = ids.to(model.device), real.to(model.device)
    if _plain_head(model):
        hidden = model.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        logits = model.get_output_embeddings()(hidden[real]).float()
    else:
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits[real].float()
    losses = functional.cross_entropy(logits, ids[:, 1:][real], reduction="none")
    owner = torch.arange(len(batch), device=model.device)[:, None].expand_as(real)[real]
    return losses, owner


def _plain_head(model: PreTrainedModel) -> bool:
    """True if logits are the output layer of the last hidden state, and nothing more."""
    names = ("final_logit_softcapping", "logit_scale", "logits_scaling", "logits_scale")
    return not any(getattr(model.config, name, None) for name in names)


def document_losses(model: PreTrainedModel, batch: Tokens) -> Tensor:
    """Mean loss per predicted token (nats) of each document, (n,) float32."""
    losses, owner = token_losses(model, batch)
    sums = torch.zeros(len(batch), device=losses.device).index_add(0, owner, losses)
    return sums / predicted_tokens(batch).to(losses.device)


def predicted_tokens(batch: Tokens) -> Tensor:
    """Number of predicted tokens of each document, (n,) float32."""
    return torch.tensor([len(ids) - 1 for ids in batch], dtype=torch.float32)


def batches(documents: Tokens, tokens_per_batch: int) -> Iterator[list[int]]:
    """Positions of documents per batch, of similar length, each at most so many padded tokens."""
    order = sorted(range(len(documents)), key=lambda i: (len(documents[i]), i))
    batch: list[int] = []
    for i in order:
        if batch and len(documents[i]) * (len(batch) + 1) > tokens_per_batch:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


@torch.no_grad()
def all_losses(model: PreTrainedModel, documents: Tokens, tokens_per_batch: int) -> Tensor:
    """Mean loss per predicted token (nats) of each document, (n,) float32 on the CPU."""
    losses = torch.zeros(len(documents))
    for batch in batches(documents, tokens_per_batch):
        losses[batch] = document_losses(model, [documents[i] for i in batch]).cpu()
    return losses
