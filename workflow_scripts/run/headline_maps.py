"""Headline numbers of the comparison of maps: agreement, and the largest contrasts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.common.tables import read_table
from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.influence.contrasts.leave_out import without


def comparison(folder: Path) -> list[tuple[str, list[str]]]:
    """Headings with their lines, from the tables of the comparison that are there."""
    place = folder / "influence"
    parts = []
    if (place / "correlations.parquet").exists():
        table = read_table(place / "correlations.parquet", "influence/correlations")
        known = table["cross_half"].is_not_null().any()
        what = "cross-half correlation; Pearson's holds shared noise" if known else "Pearson's r"
        parts.append((f"Agreement of maps over bins ({what})", agreement_lines(table)))
    if (place / "contrasts.parquet").exists():
        table = read_table(place / "contrasts.parquet", "influence/contrasts")
        parts.append(("Contrasts: highest and lowest topic of each", contrast_lines(table)))
    return parts


def agreement_lines(correlations: pl.DataFrame) -> list[str]:
    """Cross-half correlation of each pair with its interval, and Pearson's r of the whole maps.

    Pearson's r alone, and what it is without the bin that moves it most, where no documents can be
    split into halves.
    """
    lines = []
    for row in correlations.drop_nulls("pearson").iter_rows(named=True):
        pair = f"{row['benchmark_a']} - {row['benchmark_b']}"
        known = row["cross_half"] is not None
        lines.append(f"{pair:44} {_across_halves(row) if known else _whole(row)}")
    return lines


def _across_halves(row: Mapping[str, Any]) -> str:
    """Cross-half correlation with its interval, and Pearson's r."""
    interval = "" if row["ci_low"] is None else f" ({row['ci_low']:+.2f} to {row['ci_high']:+.2f})"
    return f"{row['cross_half']:+.3f}{interval}  Pearson {row['pearson']:+.3f}"


def _whole(row: Mapping[str, Any]) -> str:
    """Pearson's r, and what it is without the bin that moves it most."""
    text = f"{row['pearson']:+.3f}"
    if row["loo_topic"] is None:
        return text
    ends = (row["loo_low"], row["loo_high"])
    without = max(ends, key=lambda end: abs(end - row["pearson"]))
    place = f"{display_name(row['loo_topic'])} x {display_name(row['loo_format'])}"
    return f"{text}  ({without:+.3f} without {place})"


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
