"""Front page: contrasts between benchmarks."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.influence.contrasts.contrast_plan import Contrast
from workflow_scripts.influence.contrasts.leave_out import without
from workflow_scripts.report.numbers import number_text
from workflow_scripts.report.text import between_off_zero, p_text, plain, table

DRAWS = "Interval: documents and questions as draws. "
# Alternative criteria for the largest topic.
OTHERWISE = {"robust": "by robust z", "trimmed": "each topic without its most influential bin,"}
# Topics of each contrast that are named.
NAMED = 3


def contrasted(
    contrasts: pl.DataFrame | None,
    extremes: pl.DataFrame | None,
    plans: Sequence[Contrast] = (),
    matrix: bool = False,
) -> list[str]:
    """The largest topics of every contrast, and what is left of them without one bin."""
    topics = pl.DataFrame() if contrasts is None else contrasts.filter(axis="topic")
    topics = topics.drop_nulls("value") if topics.height else topics
    if topics.is_empty():
        return [
            "None could be made: a contrast needs two benchmarks to compare (a social and a STEM "
            "one of the same capability, or those that the config key contrasts names), and bins "
            "that hold documents."
        ]
    rows = [
        row
        for plan in plans
        for row in _largest(topics.filter(contrast=plan.name), plan.title, matrix)
    ]
    head = (
        *("Contrast", "topic", "difference of z"),
        *([] if matrix else ["interval"]),
        *("q", "without its most influential bin", "by robust z"),
    )
    parts = [
        "A contrast is mean z on the benchmarks of its first side less mean z on those of its "
        "second, over the bins of a topic; positive = supports the first side more. Named are the "
        f"{NAMED} topics of the largest absolute value. {'' if matrix else DRAWS}q: false "
        "discovery rate over all topics of the contrast. The last two columns say how much hangs "
        "on one bin, and on few large ones.",
        table(head, rows),
    ]
    mixed = [
        plan.title
        for plan in plans
        if topics.filter(pl.col("confounded"), contrast=plan.name).height
    ]
    if mixed:
        parts.append(
            "The benchmarks compared answer in different forms, which alone can move a map, in: "
            f"{'; '.join(mixed)}."
        )
    return [*parts, *_extremes(extremes, plans)]


def _largest(topics: pl.DataFrame, label: str, matrix: bool) -> list[tuple[str, ...]]:
    ranked = topics.sort(pl.col("value").abs(), "topic", descending=[True, False])
    return [
        (
            plain(label),
            plain(display_name(row["topic"])),
            number_text(row["value"]),
            *([] if matrix else [between_off_zero(row["ci_low"], row["ci_high"])]),
            p_text(row["q_value"]),
            _rest(row),
            number_text(row["robust_value"]),
        )
        for row in ranked.head(NAMED).iter_rows(named=True)
    ]


def _rest(row: Mapping[str, Any]) -> str:
    """A topic's mean without the bin that moves it most."""
    if row["loo_low"] is None:
        return "n/a"
    rest = float(without(row["value"], row["loo_low"], row["loo_high"]))
    return f"{number_text(rest)} ({plain(display_name(row['loo_format']))})"


def _extremes(extremes: pl.DataFrame | None, plans: Sequence[Contrast]) -> list[str]:
    """Topics that robust z ranks otherwise, and the ratio of the largest of two contrasts."""
    if extremes is None:
        return []
    found = {row["contrast"]: row for row in extremes.filter(axis="topic").iter_rows(named=True)}
    known = {plan.name: plan for plan in plans}
    lines = []
    for plan in (plan for plan in plans if plan.name in found):
        row = found[plan.name]
        for kind, how in OTHERWISE.items():
            if row[f"{kind}_topic"] and row[f"{kind}_topic"] != row["topic"]:
                other = {"value": row[f"{kind}_value"], "topic": row[f"{kind}_topic"]}
                lines.append(
                    f"{plain(plan.title)}: {how} the largest topic is another, {_named(other)} in "
                    f"place of {_named(row)}."
                )
        if row["ratio"] is not None:
            first, second = (found[name] for name in (plan.plus[0], plan.minus[0]))
            titles = [plain(known[name].title) for name in (plan.plus[0], plan.minus[0])]
            lines.append(
                f"The largest contrast over the topics is {_named(first)} in {titles[0]} and "
                f"{_named(second)} in {titles[1]}: {number_text(row['ratio'])} times as large "
                f"(p {p_text(row['p_value'])}, against draws without any contrast)."
            )
    return lines


def _named(row: Mapping[str, Any]) -> str:
    return f"{number_text(row['value'])} ({plain(display_name(row['topic']))})"
