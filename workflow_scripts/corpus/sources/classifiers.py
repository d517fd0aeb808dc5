"""Topic and format classifiers: WebOrganizer's, or any sequence classifier with its labels.

Nothing but transformers is needed; the classifiers' published form brings code of its own, which
runs only where the config says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.common.errors import ConfigError, DataError, nearest
from workflow_scripts.common.labels import LABELS, read_label

REVISION = re.compile(r"[0-9a-f]{40}")


def label_order(
    kind: str, names: Mapping[int, str], numbering: Sequence[str], model: str
) -> list[str]:
    """Our label of each output of a classifier.

    Args:
        kind: ``topic`` or ``format``.
        names: the classifier's ``id2label``.
        numbering: labels by number from the config, for names that are not ours; or empty.
        model: the classifier, for messages.

    Raises:
        ConfigError: a name is unknown, comes twice, or their number is not that of the taxonomy.
    """
    key = f"config key 'corpus.annotate.{kind}_model'"
    if len(names) != len(LABELS[kind]):
        raise ConfigError(
            f"{key}: {model!r} has {len(names)} outputs; allowed: {len(LABELS[kind])}, one a {kind}"
        )
    found: list[str] = []
    for number in range(len(names)):
        label = read_label(kind, names[number])
        if label is None or label in found:
            if len(numbering) == len(names):
                return list(numbering)
            near = nearest(names[number].lower(), list(LABELS[kind]))
            state = "stands twice" if label else f"is no WebOrganizer label{near}"
            raise ConfigError(
                f"{key}: output {number} of {model!r} is called {names[number]!r}, which {state}; "
                f"say which number is which label in corpus.numbering.{kind}s"
            )
        found.append(label)
    return found


class Classifier:
    """A classifier on its device."""

    def __init__(
        self,
        kind: str,
        model: str,
        revision: str,
        numbering: Sequence[str] = (),
        device: str = "cpu",
        precision: str = "float32",
        trust_remote_code: bool = False,
    ) -> None:
        """Load it.

        Args:
            kind: ``topic`` or ``format``.
            model: local folder, or hub id.
            revision: commit of a hub id.
            numbering: labels by number, where the model's names are not ours.
            device: ``cpu`` or ``cuda``.
            precision: ``float32`` or ``bfloat16``.
            trust_remote_code: run code that comes with the model.

        Raises:
            ConfigError: it cannot be loaded, or its labels are not ours.
        """
        key = f"config key 'corpus.annotate.{kind}_model'"
        pinned: dict[str, Any] = {"trust_remote_code": trust_remote_code}
        if Path(model).is_dir():
            pinned["local_files_only"] = True
        elif not REVISION.fullmatch(revision):
            raise ConfigError(
                f"{key} is {model!r}, no local folder; as a hub id it needs "
                f"'corpus.annotate.{kind}_revision', a commit of 40 digits (now {revision!r})"
            )
        else:
            pinned["revision"] = revision
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(model, **pinned)
            self.model = AutoModelForSequenceClassification.from_pretrained(
                model, dtype=getattr(torch, precision), **pinned
            )
        except (OSError, ValueError, ImportError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ConfigError(
                f"{key}: no classifier can be loaded from {model!r}: {reason}"
            ) from None
        self.labels = label_order(kind, self.model.config.id2label, numbering, model)
        self.kind, self.device = kind, device
        self.model.to(device).eval()

    def classify(
        self, texts: Sequence[str], max_tokens: int, tokens_per_batch: int
    ) -> tuple[list[str], np.ndarray]:
        """The most probable label of each text.

        Texts are batched by length, so that little of a batch is padding; results are in the
        order of the texts.

        Args:
            texts: (n,) what the classifier reads.
            max_tokens: where texts are cut.
            tokens_per_batch: padded tokens in a batch; a longer text is a batch of its own.

        Returns:
            (n,) labels, and (n,) float64 probabilities in (0, 1].

        Raises:
            DataError: a probability is not a number.
        """
        import torch

        limit = min(max_tokens, self.model.config.max_position_embeddings)
        ids = self.tokenizer(list(texts), truncation=True, max_length=limit)["input_ids"]
        best = np.zeros(len(texts), np.int64)
        confidence = np.zeros(len(texts))
        for batch in batches([len(tokens) for tokens in ids], tokens_per_batch):
            padded = self.tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
            with torch.inference_mode():
                logits = self.model(**padded.to(self.device)).logits.float()
            top = logits.softmax(dim=-1).max(dim=-1)
            best[batch], confidence[batch] = top.indices.cpu(), top.values.cpu()
        if not np.isfinite(confidence).all():
            raise DataError(
                f"the {self.kind} classifier gave {np.isnan(confidence).sum()} probabilities that "
                "are no numbers; set model.precision to float32"
            )
        return [self.labels[i] for i in best], confidence


def batches(lengths: Sequence[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """Positions of texts, shortest first, in batches of at most ``tokens_per_batch`` padded."""
    batch: list[int] = []
    for i in np.argsort(np.asarray(lengths), kind="stable").tolist():
        if batch and (len(batch) + 1) * lengths[i] > tokens_per_batch:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
