"""Headline numbers of the comparison of maps: agreement, and the largest contrasts."""

from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.common.tables import read_table
from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.influence.leave_out import without


def comparison(folder: Path) -> list[tuple[str, list[str]]]:
    """Headings with their lines, from the tables of the comparison that are there."""
    place = folder / "influence"
    parts = []
    if (place / "correlations.parquet").exists():
        table = read_table(place / "correlations.parquet", "influence/correlations")
        parts.append(("Agreement of maps (Pearson's r over bins)", agreement_lines(table)))
    if (place / "contrasts.parquet").exists():
        table = read_table(place / "contrasts.parquet", "influence/contrasts")
        parts.append(("Contrasts: highest and lowest topic of each", contrast_lines(table)))
    return parts


def agreement_lines(correlations: pl.DataFrame) -> list[str]:
    """Pearson's r of each pair, and what it is without the bin that moves it most."""
    lines = []
    for row in correlations.drop_nulls("pearson").iter_rows(named=True):
        pair = f"{row['benchmark_a']} - {row['benchmark_b']}"
        text = f"{pair:44} {row['pearson']:+.3f}"
        if row["loo_topic"] is not None:
            ends = (row["loo_low"], row["loo_high"])
            without = max(ends, key=lambda end: abs(end - row["pearson"]))
            place = f"{display_name(row['loo_topic'])} x {display_name(row['loo_format'])}"
            text += f"  ({without:+.3f} without {place})"
        lines.append(text)
    return lines


def contrast_lines(contrasts: pl.DataFrame) -> list[str]:
    """The highest and the lowest topic of each contrast."""
    topics = contrasts.filter(axis="topic").drop_nulls("value")
    lines = []
    for (name,), table in topics.group_by("contrast", maintain_order=True):
        ranked = table.sort("value", "topic")
        low, high = ranked.row(0, named=True), ranked.row(-1, named=True)
        ends = [_topic(row) for row in (high, low)]
        lines.append(f"{name:11} {ends[0]:46} {ends[1]}")
    return lines


def _topic(row: dict[str, Any]) -> str:
    """A topic's contrast, and what it is without the bin that moves it most."""
    text = f"{row['value']:+.2f} {display_name(row['topic'])}"
    if row["loo_low"] is None:
        return text
    rest = float(without(row["value"], row["loo_low"], row["loo_high"]))
    return f"{text} ({rest:+.2f} without a bin)"
