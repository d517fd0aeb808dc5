"""Margins of questions under a model, by the tokens of their choices."""

import numpy as np
import polars as pl
import torch
from transformers import PreTrainedModel

from workflow_scripts.benchmarks.answers import in_units, margin
from workflow_scripts.common.files import value_digest
from workflow_scripts.model.losses import batches, token_losses


class Questions:
    """Multiple-choice questions for repeated evaluation, by the tokens of their choices."""

    def __init__(self, queries: pl.DataFrame, metric: str) -> None:
        """Keep the tokens of every choice.

        Args:
            queries: rows of the table ``benchmarks/queries``.
            metric: ``acc`` or ``acc_norm``; gives the margin's unit.
        """
        self.metric = metric
        self.gold = queries["gold"].to_list()
        self.choices = [[text.strip() for text in texts] for texts in queries["choices"]]
        self.sequences = [np.array(ids) for row in queries["choice_input_ids"] for ids in row]
        self.starts = [start for row in queries["choice_start"] for start in row]

    def digest(self) -> str:
        """Digest of the questions: their tokens, where answers begin, the gold and the metric."""
        tokens = [ids.tolist() for ids in self.sequences]
        return value_digest([tokens, self.starts, self.gold, self.choices, self.metric])

    @torch.no_grad()
    def judge(self, model: PreTrainedModel, tokens_per_batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Margins and correctness of a model's answers.

        Returns:
            (Q,) float64 margins, gold minus best wrong log-likelihood in the metric's unit, and
            (Q,) bool, whether the choice that the metric prefers is the right one.
        """
        totals = np.zeros(len(self.sequences))
        for batch in batches(self.sequences, tokens_per_batch):
            losses, owner = token_losses(model, [self.sequences[i] for i in batch])
            losses, owner = losses.cpu().numpy(), owner.cpu().numpy()
            for place, i in enumerate(batch):
                # Token j is predicted at position j - 1.
                totals[i] = -losses[owner == place][self.starts[i] - 1 :].sum()
        margins, right, first = [], [], 0
        for gold, choices in zip(self.gold, self.choices, strict=True):
            likelihoods = totals[first : first + len(choices)].tolist()
            values = in_units(likelihoods, choices, self.metric)
            margins.append(margin(values, gold))
            right.append(int(np.argmax(values)) == gold)
            first += len(choices)
        return np.array(margins), np.array(right)

    def mean_margin(self, model: PreTrainedModel, tokens_per_batch: int) -> float:
        """Mean over questions of gold minus best wrong log-likelihood, in the metric's unit."""
        return float(np.mean(self.judge(model, tokens_per_batch)[0]))
