"""What the front page says of the contrasts between social and STEM benchmarks."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.report.numbers import number_text
from workflow_scripts.report.story_text import between_off_zero, p_text, plain, table

# Contrast -> what it is, in the order of the page.
CONTRASTS = {
    "reasoning": "reasoning, social less STEM",
    "knowledge": "knowledge, social less STEM",
    "difference": "reasoning contrast less knowledge contrast",
}
DRAWS = "Interval: documents and questions as draws. "
# Topics of each contrast that are named.
NAMED = 3


def contrasted(
    contrasts: pl.DataFrame | None, extremes: pl.DataFrame | None, matrix: bool = False
) -> list[str]:
    """The largest topics of every contrast, and how the largest of two contrasts compare."""
    topics = pl.DataFrame() if contrasts is None else contrasts.filter(axis="topic")
    topics = topics.drop_nulls("value") if topics.height else topics
    if topics.is_empty():
        return [
            "None could be made: a contrast needs a social and a STEM benchmark of the same "
            "capability, and bins that hold documents."
        ]
    rows = [
        row
        for name, label in CONTRASTS.items()
        for row in _largest(topics.filter(contrast=name), label, matrix)
    ]
    head = ("Contrast", "topic", "difference of z", *([] if matrix else ["interval"]), "q")
    parts = [
        "A contrast is mean z on the social benchmark less mean z on the STEM one, over the bins "
        f"of a topic; positive = supports the social one more. Named are the {NAMED} topics of the "
        f"largest absolute value. {'' if matrix else DRAWS}q: false discovery rate over all topics "
        "of the contrast.",
        table(head, rows),
    ]
    mixed = [
        CONTRASTS[name]
        for name in CONTRASTS
        if topics.filter(pl.col("confounded"), contrast=name).height
    ]
    if mixed:
        parts.append(
            "The benchmarks compared answer in different forms, which alone can move a map, in: "
            f"{'; '.join(mixed)}."
        )
    return [*parts, *_ratio(extremes)]


def _largest(topics: pl.DataFrame, label: str, matrix: bool) -> list[tuple[str, ...]]:
    ranked = topics.sort(pl.col("value").abs(), "topic", descending=[True, False])
    return [
        (
            label,
            plain(display_name(row["topic"])),
            number_text(row["value"]),
            *([] if matrix else [between_off_zero(row["ci_low"], row["ci_high"])]),
            p_text(row["q_value"]),
        )
        for row in ranked.head(NAMED).iter_rows(named=True)
    ]


def _ratio(extremes: pl.DataFrame | None) -> list[str]:
    if extremes is None or (found := extremes.filter(axis="topic")).is_empty():
        return []
    row = found.row(0, named=True)
    return [
        f"The largest contrast of reasoning over the topics is {_named(row, 'reasoning')}, that "
        f"of knowledge {_named(row, 'knowledge')}: {number_text(row['ratio'])} times as large "
        f"(p {p_text(row['p_value'])}, social and STEM exchanged within each capability)."
    ]


def _named(row: Mapping[str, Any], contrast: str) -> str:
    topic = plain(display_name(row[f"{contrast}_topic"]))
    return f"{number_text(row[contrast])} ({topic})"
