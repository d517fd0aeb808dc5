"""Clusters of questions: the independent sampling units of a benchmark."""

from collections.abc import Sequence

import numpy as np

# With fewer tasks their number says little about other tasks: the benchmark is then these tasks.
FEWEST_TASKS = 6


def question_clusters(
    tasks: Sequence[str], passages: Sequence[str | None] | None = None
) -> np.ndarray:
    """Cluster of each question: what is drawn, or exchanged, as one.

    Questions of one task are not independent, nor are those about one passage. A benchmark of
    six or more tasks is a draw of tasks; one of fewer is about these tasks, and its passages are
    the draws, or its questions where none are named.

    Args:
        tasks: task of each of the Q questions.
        passages: passage of each question, None for one of its own; None where none is known.

    Returns:
        (Q,) int, 0 to C - 1 in the order in which the clusters come first.
    """
    if len(set(tasks)) >= FEWEST_TASKS:
        return _numbered(list(tasks))
    if passages is None:
        return np.arange(len(tasks))
    alone = enumerate(zip(tasks, passages, strict=True))
    return _numbered([("alone", i) if name is None else (task, name) for i, (task, name) in alone])


def _numbered(labels: list) -> np.ndarray:
    """(n,) int code of each label, in order of first appearance."""
    codes: dict = {}
    return np.array([codes.setdefault(label, len(codes)) for label in labels], dtype=np.int64)
