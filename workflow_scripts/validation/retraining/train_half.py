"""Train a small model on part of the bins and ask it every benchmark, resumable."""

import dataclasses
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.benchmarks.choice_margins import Questions
from workflow_scripts.common.files import read_json, value_digest, write_json
from workflow_scripts.model.architecture import ArchitectureSettings, build_model
from workflow_scripts.model.training.training import STATE_FILE, TrainSettings, train

logger = logging.getLogger("atlas")


@dataclass(frozen=True)
class Recipe:
    """Recipe of every retrained model: training and questions.

    Attributes:
        architecture, settings: of the study's own model.
        vocabulary: tokens of its tokenizer.
        questions: benchmark -> its questions.
        tokens_per_batch: padded tokens of a batch of questions.
        device: ``cpu`` or ``cuda``.
    """

    architecture: ArchitectureSettings
    settings: TrainSettings
    vocabulary: int
    questions: Mapping[str, Questions]
    tokens_per_batch: int
    device: str = "cpu"

    def digest(self, documents: Sequence[np.ndarray], seed: int) -> str:
        """Digest of all that decides the outcome of one training, but the machine."""
        tokens = hashlib.sha256()
        for ids in documents:
            tokens.update(len(ids).to_bytes(8, "little") + np.asarray(ids, np.int32).tobytes())
        return value_digest(
            [
                tokens.hexdigest(),
                seed,
                dataclasses.asdict(self.architecture),
                dataclasses.asdict(self.settings),
                self.vocabulary,
                {name: asked.digest() for name, asked in self.questions.items()},
            ]
        )


def documents_of(corpus: pl.DataFrame, bins: pl.DataFrame) -> list[np.ndarray]:
    """Token ids of the documents of some bins, in the order of the working set.

    Args:
        corpus: topic, format, input_ids.
        bins: topic, format.
    """
    kept = corpus.join(bins, on=["topic", "format"], how="semi", maintain_order="left")
    return [np.asarray(ids, np.int32) for ids in kept["input_ids"]]


def outcome(
    recipe: Recipe, documents: Sequence[np.ndarray], seed: int, state: Path
) -> dict[str, Any]:
    """Train on the documents and ask every benchmark; a killed training goes on where it was.

    Args:
        recipe: see :class:`Recipe`.
        documents: token ids of each document.
        seed: of the first weights and of the order of documents.
        state: folder of this training alone, for its unfinished state and its finished outcome.

    Returns:
        ``loss`` (nats per token, mean of the last steps), and under ``benchmarks`` by name the
        mean ``margin`` over questions and the ``accuracy``.
    """
    finished, digest = state / "outcome.json", recipe.digest(documents, seed)
    if finished.exists() and (record := read_json(finished))["digest"] == digest:
        return record["outcome"]
    model = build_model(recipe.architecture, recipe.vocabulary, seed).to(recipe.device)
    history = train(model, documents, recipe.settings, seed, state)
    answers = {}
    for name, asked in recipe.questions.items():
        margins, right = asked.judge(model, recipe.tokens_per_batch)
        answers[name] = {"margin": float(margins.mean()), "accuracy": float(right.mean())}
    found = {"loss": history[-1]["loss"], "benchmarks": answers}
    write_json(finished, {"digest": digest, "outcome": found})
    (state / STATE_FILE).unlink(missing_ok=True)
    return found
