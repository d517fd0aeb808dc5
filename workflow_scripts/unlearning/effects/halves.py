"""Halves of a benchmark's questions: one chooses the documents, the other is asked.

Documents of most influence on the very questions that are asked afterwards are chosen for what
these questions have by chance, too. Cross-fitting (Chernozhukov et al. 2018, doi
10.1111/ectj.12097) chooses by one half and asks the other, both ways round.
"""

import polars as pl

from workflow_scripts.attribution.question_halves import HALVES

SELECTION = {
    "target": pl.String,
    "topic": pl.String,
    "half": pl.String,
    "n_documents": pl.Int64,
    "n_topic": pl.Int64,
    "excess_own": pl.Float64,
    "excess_other": pl.Float64,
    "kept": pl.Float64,
}


def kept_excess(scores: pl.DataFrame, target: str, topic: str, size: int) -> list[dict]:
    """Rows of the table ``unlearning/selection`` for one topic.

    The excess is the mean influence of the ``size`` documents that are highest on one half of the
    questions, less that of the whole topic; on the other half only what is no chance stays.

    Args:
        scores: table ``attribution/scores`` of the benchmark.
        target: the benchmark.
        topic: one of its topics.
        size: documents chosen.
    """
    own = scores.filter(topic=topic)
    rows = []
    for half, other in (HALVES, HALVES[::-1]):
        chosen = own.sort([f"score_{half}", "doc_id"], descending=[True, False]).head(size)
        excess = {
            key: chosen[f"score_{each}"].mean() - own[f"score_{each}"].mean()
            for key, each in (("excess_own", half), ("excess_other", other))
        }
        gained = excess["excess_own"] > 0
        rows.append(
            {"target": target, "topic": topic, "half": half, "n_documents": chosen.height}
            | {"n_topic": own.height}
            | excess
            | {"kept": excess["excess_other"] / excess["excess_own"] if gained else None}
        )
    return rows
