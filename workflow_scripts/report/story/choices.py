"""Front page: sensitivity to analysis choices."""

from collections.abc import Mapping

import polars as pl

from workflow_scripts.report.text import plain, range_of, table

ITSELF = "the map itself"


def other_choices(sensitivity: pl.DataFrame | None, titles: Mapping[str, str]) -> list[str]:
    """Agreement of each variant of the maps with the maps themselves.

    Args:
        sensitivity: the table ``influence/sensitivity``, None if the study lacks it.
        titles: benchmark -> its name for people, in the order of the study.
    """
    if sensitivity is None:
        return ["Not known: the maps were not computed here."]
    made = sensitivity.filter(pl.col("reason").is_null(), pl.col("variant") != ITSELF)
    why = sensitivity.filter(pl.col("reason").is_not_null())
    reasons = dict(why.select("variant", "reason").unique().sort("variant").rows())
    if made.is_empty():
        return [f"Not known: {plain(next(iter(reasons.values())))}."]
    rows = []
    for (variant,), lines in made.group_by("variant", maintain_order=True):
        lines = lines.filter(pl.col("benchmark").is_in(list(titles)))
        rows.append(
            (
                plain(variant),
                range_of(lines["pearson"]),
                range_of(lines["spearman"]),
                f"{lines['still_called'].sum()} of {lines['n_called'].sum()}",
                *([range_of(lines["auroc"])] if made["auroc"].is_not_null().any() else []),
            )
        )
    head = ["Map made again", "Pearson's r", "Spearman", "called bins still called"]
    words = (
        "Each map was made again with one choice changed. Correlations are over the bins, with "
        "the map itself, and range over the benchmarks."
    )
    if made["auroc"].is_not_null().any():
        head.append("AUROC")
        own = sensitivity.filter(variant=ITSELF)["auroc"].drop_nulls()
        words += f" AUROC of the planted bins is {range_of(own)} in the maps themselves."
    left = "; ".join(f"{plain(variant)}: {plain(reason)}" for variant, reason in reasons.items())
    return [words, table(head, rows), *([f"Not made: {left}."] if left else [])]
