"""The error budget in words: of headline, front page and figure."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.report.numbers import number_text

# Sources of error: name in the table, and name for people.
SOURCES = {
    "documents": "documents",
    "questions": "questions",
    "projection": "projection",
    "model": "training",
}


def benchmark_rows(budget: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Benchmark -> its own row of the table ``influence/error_budget``."""
    rows = budget.filter(pl.col("topic").is_null())
    return {row["benchmark"]: row for row in rows.iter_rows(named=True)}


def budget_words(row: Mapping[str, Any]) -> str:
    """``0.30 sd of the map (1.1 x se): documents 60%, questions 31%, training not known``."""
    if row["se_total"] is None:
        return "not known: no bin has two groups of documents"
    parts = [
        f"{words} not known" if share is None else f"{words} {share:.0%}"
        for source, words in SOURCES.items()
        for share in [row[f"share_{source}"]]
    ]
    text = (
        f"{number_text(row['in_sd'])} sd of the map ({number_text(row['se_ratio'])} x se): "
        f"{', '.join(parts)}"
    )
    inside = row["projection_in_se"]
    return text if inside is None else f"{text}; {inside:.0%} of se squared is projection"
