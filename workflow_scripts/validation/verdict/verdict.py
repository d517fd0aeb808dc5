"""Verdict table: one row per check of a study, with its value, its bar and its source."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

PASSED, FAILED, TOLD, NOT_APPLICABLE = "passed", "failed", "told", "not applicable"
COLUMNS = ("check", "measure", "value", "low", "high", "state", "source", "reason")
WIDTHS = (64, 10, 16, 16)


@dataclass(frozen=True)
class Bar:
    """Bar that a value must reach; None where a side is open."""

    low: float | None = None
    high: float | None = None

    def judge(self, value: float | None) -> str:
        """``told`` without a bar; a value that is missing fails its bar."""
        if self.low is None and self.high is None:
            return TOLD
        if value is None or (self.low is not None and value < self.low):
            return FAILED
        return FAILED if self.high is not None and value > self.high else PASSED


NONE = Bar()


@dataclass(frozen=True)
class Check:
    """A group of lines of the verdict.

    Attributes:
        name: of the group, such as ``planted truth``.
        source: the table that the numbers are taken from, below ``results/<study>/``.
    """

    name: str
    source: str

    def line(
        self, measure: str, value: float | None, bar: Bar = NONE, reason: str = "it has no value"
    ) -> dict[str, Any]:
        """One measured line; ``reason`` explains a value of None."""
        known = None if value is None else float(value)
        values = (self.name, measure, known, bar.low, bar.high, bar.judge(known), self.source)
        return dict(zip(COLUMNS, (*values, reason if known is None else None), strict=True))

    def skipped(self, measure: str, bar: Bar, reason: str) -> dict[str, Any]:
        """A measure that this study cannot have, and why."""
        values = (self.name, measure, None, bar.low, bar.high, NOT_APPLICABLE, self.source, reason)
        return dict(zip(COLUMNS, values, strict=True))


def verdict_table(lines: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """The table ``validation/verdict``: the lines of all checks, numbered as they come."""
    numbered = [{"number": number, **line} for number, line in enumerate(lines, 1)]
    return pl.DataFrame(numbered, infer_schema_length=None)


def render(verdict: pl.DataFrame) -> str:
    """The table as a person reads it, with a heading for each check and the sums below."""
    lines = [_line(("", "value", "bar", "verdict"), "from results/<study>/")]
    heading = None
    for each in verdict.iter_rows(named=True):
        if each["check"] != heading:
            heading = each["check"]
            lines += ["", heading.upper()]
        cells = (each["measure"], value_text(each["value"]), bar_text(each), state_text(each))
        lines.append(_line(cells, "; ".join(filter(None, (each["source"], each["reason"])))))
    return "\n".join([*lines, "", summary(verdict)]) + "\n"


def summary(verdict: pl.DataFrame) -> str:
    """Numbers of lines that passed, failed, have no bar, and do not apply."""
    counts = dict(verdict.group_by("state").len().iter_rows())
    words = ((PASSED, "passed"), (FAILED, "failed"), (TOLD, "told without a bar"))
    told = [f"{counts.get(state, 0)} {word}" for state, word in words]
    return f"{', '.join(told)}, {counts.get(NOT_APPLICABLE, 0)} not applicable to this study"


def state_text(line: Mapping[str, Any]) -> str:
    """State of one line as text; failures stand out, lines without a bar have no state."""
    state = line["state"]
    return {PASSED: "ok", FAILED: "FAILED", TOLD: ""}.get(state, state)


def value_text(value: float | None) -> str:
    """A number with three digits."""
    return "none" if value is None else f"{value:.3g}"


def bar_text(line: Mapping[str, Any]) -> str:
    """The bar of one line in words; nothing without one."""
    low, high = line["low"], line["high"]
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"at least {low:g}"
    return "" if high is None else f"at most {high:g}"


def _line(cells: tuple[str, ...], last: str) -> str:
    padded = "".join(
        f"{cell:{side}{width}}" for cell, side, width in zip(cells, "<>>>", WIDTHS, strict=True)
    )
    return f"{padded}  {last}"


def failures(verdict: pl.DataFrame) -> list[str]:
    """Failed lines, one sentence each."""
    return [
        f"{each['measure']}: {value_text(each['value'])} (bar: {bar_text(each)})"
        for each in verdict.filter(state=FAILED).iter_rows(named=True)
    ]
