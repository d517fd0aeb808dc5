"""Effects of forgetting, in lines of the headline."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import polars as pl

from workflow_scripts.unlearning.arms import COMPARED, RANDOM
from workflow_scripts.unlearning.effects.pairs import CROSS_FITTED, PRIMARY, dose_text, shown_dose

WIDTH = 88
# Differences that are reported, where the study has them, with the pairs that they are of.
TOLD = {
    (PRIMARY, "matched"): "targeted - random",
    (CROSS_FITTED, "matched"): "the same, cross-fitted",
    **{
        (f"targeted-{arm}", "matched" if arm == "low" else "all"): f"targeted - {arm}"
        for arm in COMPARED
        if arm != RANDOM
    },
    ("bottom-random", "all"): "bottom - random",
}


def unlearning_lines(tests: pl.DataFrame, selection: pl.DataFrame) -> list[str]:
    """Effects of forgetting on the targets: targeted documents against the others.

    Args:
        tests: table ``unlearning/tests``.
        selection: table ``unlearning/selection``.
    """
    own = tests.filter(
        pl.col("target") == pl.col("evaluated"), measure="accuracy", dose=shown_dose(tests)
    )
    lines = [f"Points of accuracy lost at {dose_text(tests)}, median topic (interval)"]
    for name in own["target"].unique().sort():
        rows = {
            (row["contrast"], row["pairs"]): row
            for row in own.filter(target=name).iter_rows(named=True)
        }
        alone = rows.get(("targeted", "all"))
        lines.append(f"{name:38} {_median(alone)}")
        for key, label in TOLD.items():
            if key in rows:
                row = rows[key]
                mark = " (primary)" if row["primary"] else ""
                lines.append(f"    {label + mark:34} {_points(row)}")
        if kept := kept_text(selection.filter(target=name)):
            lines.append(f"    {kept}")
    return lines


def primary_lines(tests: pl.DataFrame) -> list[str]:
    """Registered primary test, and whether it was registered before the first evaluation."""
    primary = tests.filter("primary")
    if primary.is_empty():
        return ["Primary: none; no test that was made is the registered one"]
    when = "named before the first evaluation"
    late = primary.filter(registered="after")["target"].unique().sort()
    if len(late):
        when = f"CHANGED AFTER the first evaluation of {', '.join(late)}"
    text = f"Primary, {when}: {primary_text(primary)}; every other test is exploratory"
    return wrap(text, WIDTH - 2, subsequent_indent="    ")


def primary_text(primary: pl.DataFrame) -> str:
    """The primary tests in words, targets of one contrast together."""
    first, parts = primary.row(0, named=True), []
    for (contrast,), rows in primary.sort("target").group_by("contrast", maintain_order=True):
        parts.append(f"{contrast} on {', '.join(rows['target'].unique(maintain_order=True))}")
    dose = f"dose {first['dose']:g}, named or the largest above chance"
    return f"{'; '.join(parts)} ({first['measure']}; {dose})"


def response_lines(table: pl.DataFrame, dose: float) -> list[str]:
    """Dose response by question at the dose that is shown: mean correlation by arm."""
    own = table.filter(pl.col("target") == pl.col("evaluated"), topic="all", dose=dose).drop_nulls(
        "spearman"
    )
    if own.is_empty():
        return []
    lines = [
        "Influence of what was forgotten on a question, and the margin that it loses: rank",
        "",
    ]
    lines[1] = "correlation over questions within an adapter, mean topic (interval)"
    for (name,), rows in own.group_by("target", maintain_order=True):
        cells = [_response(row) for row in rows.sort("arm", descending=True).iter_rows(named=True)]
        lines += wrap(f"{name}: {'; '.join(cells)}", WIDTH - 2, subsequent_indent="    ")
    return lines


def _response(row: Mapping[str, Any]) -> str:
    text = f"{row['arm']} {row['spearman']:+.2f}"
    if row["ci_low"] is None:
        return text
    return f"{text} ({row['ci_low']:+.2f} to {row['ci_high']:+.2f})"


def kept_share(selection: pl.DataFrame) -> float | None:
    """Share of the excess of chosen documents that stays on the other half of the questions."""
    own = selection["excess_own"].sum()
    return selection["excess_other"].sum() / own if own > 0 else None


def kept_text(selection: pl.DataFrame) -> str:
    """The same in words; empty where nothing exceeds."""
    share = kept_share(selection)
    if share is None:
        return ""
    return (
        f"chosen by half of the questions, documents keep {share:.0%} of their excess on the rest"
    )


def _median(row: Mapping[str, Any] | None) -> str:
    return "n/a" if row is None or row["median"] is None else f"{100 * row['median']:+.0f}"


def _points(row: Mapping[str, Any]) -> str:
    if row["median"] is None:
        return "n/a"
    floor = ", at chance" if row["at_floor"] else ""
    p = "" if row["p_t"] is None else f"   p {row['p_t']:.2g}"
    if row["ci_low"] is None:
        n = row["n_topics"]
        return f"{_median(row)} (no interval: {n} topic{'' if n == 1 else 's'}{floor}){p}"
    low, high = (f"{100 * row[end]:+.0f}" for end in ("ci_low", "ci_high"))
    return f"{_median(row)} ({low} to {high}{floor}){p}"
