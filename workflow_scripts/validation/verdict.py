"""Every check of a study in one table: what was measured, and the bar where there is one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.validation.explained import CONTROLS, GRADIENTS, strongest

COLUMNS = ("check", "measure", "value", "low", "high", "passed")
WIDTHS = (20, 58, 9, 14, 8)


@dataclass(frozen=True)
class Bar:
    """What a value must reach; None where a side is open."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: float | None) -> bool | None:
        """Whether the value lies within; None without a bar, False for a value that is missing."""
        if self.low is None and self.high is None:
            return None
        if value is None:
            return False
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high)


NONE = Bar()
# The study's own map on planted truth: column, how benchmarks are put together, what it says, bar.
MAP_BARS = (
    ("auroc_support", "min", "support above all other bins, AUROC, lowest benchmark", Bar(0.9)),
    (
        "auroc_support_vs_contradiction",
        "min",
        "support above contradiction, AUROC, lowest benchmark",
        Bar(0.95),
    ),
    ("contradiction_sign", "min", "contradiction below the mean, share, lowest", Bar(0.95)),
    ("dose_spearman", "min", "order of doses, rank correlation, lowest benchmark", Bar(0.5)),
    ("false_discovery_share", "mean", "false among the bins called, share, mean", Bar(high=0.1)),
    ("power", "mean", "support bins called at q < 0.05, share, mean", NONE),
)
# Scorers that must not tell support from contradiction, averaged over benchmarks.
BLIND = Bar(0.4, 0.6)
# Scores under 16 x 16 projections correlate 0.95 with unprojected ones, two of them 0.95^2; bins
# average over documents and questions, so they must do at least as well.
PROJECTION = Bar(0.9)


def row(check: str, measure: str, value: float | None, bar: Bar = NONE) -> dict[str, Any]:
    """One line of the verdict."""
    known = None if value is None else float(value)
    values = (check, measure, known, bar.low, bar.high, bar.holds(known))
    return dict(zip(COLUMNS, values, strict=True))


def planted_rows(tables: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """Planted truth: the map must find it, words and untrained models must not."""
    planted = tables["planted"]
    own = planted.filter(scorer="trackstar")
    for column, how, measure, bar in MAP_BARS:
        yield row("planted truth", measure, getattr(own[column].drop_nulls(), how)(), bar)
    column = "auroc_support_vs_contradiction"
    for scorer, check in (("tfidf", "baselines"), ("bm25", "baselines"), ("untrained", "controls")):
        values = planted.filter(scorer=scorer)[column].drop_nulls()
        if len(values):
            measure = f"{scorer} tells support from contradiction, AUROC, mean"
            yield row(check, measure, values.mean(), BLIND)


def shuffled_rows(tables: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """Documents dealt to bins at random: no bin may stand out."""
    found = tables["shuffled"].filter(pl.col("q_unusual") < SIGNIFICANT).height
    yield row("controls", "bins called with documents shuffled over bins", found, Bar(high=0))


def explained_rows(tables: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """What the baselines explain of the map; a low share is no merit and a high one no fault."""
    explained = tables["explained"]
    single = explained.filter(n_scorers=1)["scorer"].unique().sort().to_list()
    texts = [name for name in single if name not in GRADIENTS + CONTROLS]
    for scorer in texts + [name for name in CONTROLS if name in single]:
        value = explained.filter(scorer=scorer)["r2"].mean()
        yield row("baselines", f"variance that {scorer} explains, R2, mean", value)
    if texts:
        value = strongest(explained, texts)["r2"].max()
        yield row("baselines", "variance that the best of them explains, R2, highest", value)
    for name, what in (("texts", "all of them together"), ("all", "with the other gradients")):
        values = explained.filter(scorer=name)["r2_adjusted"].drop_nulls()
        if len(values):
            measure = f"variance that {what} explain, R2, mean"
            yield row("baselines", measure, values.mean())


def leakage_rows(tables: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """Questions that stand in documents, and what the map loses without them."""
    maps = tables["leakage_maps"].unique(["benchmark", "removed"]).sort("benchmark", "removed")
    for benchmark, removed, count, pearson in maps.select(
        "benchmark", "removed", "n_removed", "pearson"
    ).iter_rows():
        yield row("leakage", f"{benchmark}: {removed} in common with the corpus", count)
        yield row("leakage", f"{benchmark}: map without them, Pearson", pearson)


def projection_rows(tables: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """The map under another random projection."""
    table = tables["projection"]
    yield row(
        "projection",
        "maps under two projections, Pearson, lowest",
        table["pearson"].min(),
        PROJECTION,
    )
    documents = table["pearson_documents"].drop_nulls()
    if len(documents):
        measure = "document scores under two projections, Pearson, lowest"
        yield row("projection", measure, documents.min())


CHECKS: dict[str, Callable[[Mapping[str, pl.DataFrame]], Iterator[dict[str, Any]]]] = {
    "planted": planted_rows,
    "shuffled": shuffled_rows,
    "explained": explained_rows,
    "leakage_maps": leakage_rows,
    "projection": projection_rows,
}


def verdict_table(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The table ``validation/verdict``.

    Args:
        tables: name of a table in ``CHECKS`` -> it, for the checks that the study can run.
    """
    rows = [line for name, check in CHECKS.items() if name in tables for line in check(tables)]
    order = ["planted truth", "controls", "baselines", "leakage", "projection"]
    rows.sort(key=lambda line: order.index(line["check"]))
    numbered = [{"number": number, **line} for number, line in enumerate(rows, 1)]
    return pl.DataFrame(numbered, infer_schema_length=None)


def render(verdict: pl.DataFrame) -> str:
    """The table as a person reads it."""
    lines = [_line(("check", "measure", "value", "bar", "")), "-" * sum(WIDTHS)]
    for each in verdict.iter_rows(named=True):
        state = {True: "ok", False: "FAILED", None: ""}[each["passed"]]
        value = value_text(each["value"])
        lines.append(_line((each["check"], each["measure"], value, bar_text(each), state)))
    return "\n".join(lines) + "\n"


def value_text(value: float | None) -> str:
    """A number with three digits."""
    return "n/a" if value is None else f"{value:.3g}"


def bar_text(line: Mapping[str, Any]) -> str:
    """The bar of one line in words; nothing without one."""
    low, high = line["low"], line["high"]
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"at least {low:g}"
    return "" if high is None else f"at most {high:g}"


def _line(cells: tuple[str, ...]) -> str:
    sides = "<<>>>"
    padded = zip(cells, sides, WIDTHS, strict=True)
    return "".join(f"{cell:{side}{width}}" for cell, side, width in padded).rstrip()


def failures(verdict: pl.DataFrame) -> list[str]:
    """What failed, one sentence each."""
    missed = verdict.filter(~pl.col("passed").fill_null(True))
    return [
        f"{each['measure']}: {value_text(each['value'])} (bar: {bar_text(each)})"
        for each in missed.iter_rows(named=True)
    ]
