"""Embeddings of texts: mean-pooled last hidden states of the study's model or of an encoder."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workflow_scripts.common.errors import ConfigError
from workflow_scripts.common.progress import Progress
from workflow_scripts.model.pretrained_folder import TOKENIZER_FILES, longest_sequence
from workflow_scripts.model.weights import check_weights, loaded_weights

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NAME = "validation.embedding.path"
KEY = f"config key {NAME!r}"


def encoder_files(folder: str) -> list[str]:
    """The files of an encoder's folder that decide its embeddings.

    Raises:
        ConfigError: the folder holds no model with its weights and tokenizer.
    """
    path = Path(folder)
    if not (path / "config.json").is_file():
        raise ConfigError(
            f"{KEY} is {folder!r}, which is no folder with a config.json; give a local model in "
            "Hugging Face format, or leave the key empty for the study's own model"
        )
    tokenizers = [path / name for name in TOKENIZER_FILES if (path / name).is_file()]
    weights = loaded_weights(path, NAME)
    if not tokenizers:
        raise ConfigError(f"{KEY}: the folder {folder} holds no tokenizer")
    check_weights(path, NAME)
    return [str(file) for file in [path / "config.json", *weights, *tokenizers]]


def load_encoder(folder: str, device: str) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Load an encoder and its tokenizer from a local folder, float32, without its head."""
    from transformers import AutoModel, AutoTokenizer

    from workflow_scripts.model.loading import choose_arithmetic

    os.environ["HF_HUB_OFFLINE"] = "1"
    dtype = choose_arithmetic("float32", device)
    model = AutoModel.from_pretrained(folder, dtype=dtype)
    place = "cpu" if device == "cpu" else "cuda"
    return model.to(place).eval(), AutoTokenizer.from_pretrained(folder)


def embed(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    texts: Sequence[str],
    max_tokens: int,
    tokens_per_batch: int,
) -> np.ndarray:
    """Mean over a text's tokens of the last hidden states.

    Args:
        model: without its head; its first output is the last hidden states.
        tokenizer: of the model.
        texts: none empty.
        max_tokens: where a text is cut; the model's own limit counts too.
        tokens_per_batch: padded tokens in a batch.

    Returns:
        (n, hidden) float32.
    """
    import torch

    limit = min(max_tokens, longest_sequence(model.config) or max_tokens)
    # The verbose tokenizer warns of every text that the cut shortens.
    ids = tokenizer(list(texts), truncation=True, max_length=limit, verbose=False)["input_ids"]
    progress = Progress(len(ids), "texts embedded")
    rows = np.empty((len(ids), model.config.hidden_size), dtype=np.float32)
    for batch in batches([len(each) for each in ids], tokens_per_batch):
        with torch.no_grad():
            rows[batch] = pooled(model, [ids[index] for index in batch]).cpu().numpy()
        progress.advance(len(batch))
    return rows


def batches(lengths: Sequence[int], tokens_per_batch: int) -> list[list[int]]:
    """Row numbers by batch: of like length, padded within ``tokens_per_batch``, one at least."""
    done: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        # Sorted from long to short, so the first row of a batch is its longest.
        if not done or (len(done[-1]) + 1) * lengths[done[-1][0]] > tokens_per_batch:
            done.append([])
        done[-1].append(index)
    return done


def pooled(model: "PreTrainedModel", input_ids: Sequence[Sequence[int]]) -> "torch.Tensor":
    """(n, hidden) float32 mean hidden states of token sequences, padded on the right."""
    import torch

    width = max(map(len, input_ids))
    padded = torch.zeros(len(input_ids), width, dtype=torch.long)
    mask = torch.zeros(len(input_ids), width, dtype=torch.long)
    for row, ids in enumerate(input_ids):
        padded[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
    padded, mask = padded.to(model.device), mask.to(model.device)
    states = model(input_ids=padded, attention_mask=mask)[0].float()  # (n, width, hidden)
    weight = mask.unsqueeze(-1).float()
    return (states * weight.to(states.device)).sum(dim=1) / weight.sum(dim=1).to(states.device)


def centred_unit(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Rows (n, h) less a centre (h,), scaled to length 1, float64; a zero row stays zero.

    Hidden states of language models share one large direction, which makes all cosines alike
    (Mu and Viswanath 2018, All-but-the-Top); what is left without the mean document
    distinguishes texts.
    """
    moved = rows.astype(np.float64) - centre
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.divide(moved, norms, out=np.zeros_like(moved), where=norms > 0)


def similarity_means(
    embedder: Callable[[Sequence[str]], np.ndarray],
    texts: Sequence[str],
    questions: Sequence[Sequence[str]],
    owner: np.ndarray,
    counts: np.ndarray,
) -> list[np.ndarray]:
    """Mean cosine per group and question, for each set of questions.

    Args:
        embedder: texts -> (n, h) rows.
        texts: of the documents.
        questions: sets of questions with their answers.
        owner: (n,) int group of each document.
        counts: (G,) documents of each group.

    Returns:
        a (G, Q) float64 array for each set.
    """
    rows = embedder(texts)
    centre = rows.mean(axis=0, dtype=np.float64)
    sums = np.zeros((len(counts), rows.shape[1]))
    np.add.at(sums, owner, centred_unit(rows, centre))
    asked = [centred_unit(embedder(each), centre) for each in questions]
    return [sums @ each.T / counts[:, None] for each in asked]
