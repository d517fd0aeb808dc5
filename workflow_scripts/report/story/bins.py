"""Front page: bins and topics that support each benchmark."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.report.cautions import WARNING, Caution, all_equal, own
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.text import between, p_text, plain, table

# Bins and topics that are named per benchmark with their numbers, and bins in a list beyond.
NAMED, LISTED = 5, 20
# Topics with at least this chance to be the highest are named.
LIKELY = 0.1
# References of q-values.
NORMAL = "against a normal spread of the bins' MAD"
CONTROLS = {
    "bh": f"BH, {NORMAL}",
    "by": f"BY, {NORMAL}",
    "local": "against the spread that the central bins show",
}


def called(bins: pl.DataFrame, sign: int) -> pl.DataFrame:
    """Bins outside the spread of bins, above (sign 1) or below (-1) the median bin."""
    side = pl.col("influence") > bins["influence"].median()
    return bins.filter(side if sign > 0 else ~side, pl.col("q_unusual") < SIGNIFICANT)


def with_truth(bins: pl.DataFrame, truth: pl.DataFrame | None) -> pl.DataFrame:
    """Bins with a column ``planted``: what was planted there, null where that is not known."""
    if truth is None:
        return bins.with_columns(planted=pl.lit(None, dtype=pl.String))
    known = truth.with_columns(
        planted=pl.struct("role", "dose").map_elements(planted_words, return_dtype=pl.String)
    )
    keys = ["benchmark", "topic", "format"]
    return bins.join(known.select(*keys, "planted"), on=keys, how="left", maintain_order="left")


def planted_words(truth: Mapping[str, Any]) -> str:
    """``support 75%`` (of its documents), ``decoy``, ``nothing``."""
    role = "nothing" if truth["role"] == "neutral" else str(truth["role"])
    return f"{role} {truth['dose']:.0%}" if truth["dose"] else role


def supports(
    tables: Mapping[str, pl.DataFrame],
    titles: Mapping[str, str],
    multiplicity: str,
    matrix: bool = False,
    cautions: Sequence[Caution] = (),
) -> list[str]:
    """Per benchmark: how many bins are called, the first of them, and the topics.

    Args:
        tables: name -> table, of those that the study has.
        titles: benchmark -> its name for people, in the order of the study.
        multiplicity: how q values are made.
        matrix: whether the maps are an existing matrix.
        cautions: what must be known before a map is read.
    """
    parts = [_rule(tables, multiplicity)]
    judged = with_truth(tables["bins"], tables.get("truth"))
    for name, title in titles.items():
        bins = judged.filter(benchmark=name).drop_nulls("influence")
        words = _counts(bins)
        if any(one["severity"] == WARNING for one in own(cautions, [name])):
            words += " **Read the cautions about it first.**"
        parts.append(f"**{plain(title)}.** {words}")
        if all_equal(bins):
            continue
        parts += [_named(bins, matrix), *_also(bins)]
        if "marginals" in tables:
            parts.append(_topics(tables["marginals"].filter(benchmark=name, axis="topic")))
    return parts


def _rule(tables: Mapping[str, pl.DataFrame], multiplicity: str) -> str:
    """Criterion by which a bin is called; without errors, a note that no bin is."""
    if tables["bins"]["q_unusual"].is_null().all():
        return (
            "No bin is *called* here: that needs its standard error, which no bin has. The highest "
            "bins are named, and nothing says how sure their order is."
        )
    rule = (
        "A bin is *called* where it lies outside the spread that bins have anyway, at "
        f"q < {SIGNIFICANT:g} (false discovery rate, {plain(CONTROLS[multiplicity])}): of the "
        f"bins called, about one in {round(1 / SIGNIFICANT)} may be wrong. A bin that is not "
        "called is not shown to be without influence. Intervals of called bins are wider, since "
        "these were chosen: of all that are called as few may miss as the intervals' level says."
    )
    if "truth" in tables:
        rule += (
            " The corpus is generated: beside each bin stands what was planted there for the "
            "benchmark (a share of its documents), which the method did not see."
        )
    return rule


def _counts(bins: pl.DataFrame) -> str:
    if all_equal(bins):
        return f"All {counted(bins.height, 'bin')} are equal: none supports it more than another."
    if bins["q_unusual"].is_null().all():
        return f"{counted(bins.height, 'bin')} with values; without errors no bin can be tested."
    up, down = called(bins, 1).height, called(bins, -1).height
    words = f"{up} of {counted(bins.height, 'bin')} called as supporting, {down} as opposing."
    if bins["q_effect"].is_not_null().any():
        large = bins.filter(pl.col("q_effect") < SIGNIFICANT).height
        words += f" {large} lie beyond the smallest effect that the study states."
    return words if up else f"{words} The highest are named; none of them is called."


def _ranked(bins: pl.DataFrame) -> pl.DataFrame:
    return bins.sort("influence", "topic", "format", descending=[True, False, False])


def _place(row: Mapping[str, Any]) -> str:
    return f"{plain(display_name(row['topic']))} × {plain(display_name(row['format']))}"


def _also(bins: pl.DataFrame) -> list[str]:
    """Bins called as supporting beyond those of the table, and bins called as opposing."""
    named = _ranked(bins).head(NAMED).select("topic", "format")
    beyond = called(_ranked(bins), 1).join(named, on=["topic", "format"], how="anti")
    lines = []
    for rows, words in (
        (beyond, "Also called as supporting"),
        (called(_ranked(bins), -1).reverse(), "Called as opposing"),
    ):
        places = [
            f"{_place(row)} (z {number_text(row['z'], 1)}, q {p_text(row['q_unusual'])}"
            f"{', planted: ' + row['planted'] if row['planted'] else ''})"
            for row in rows.head(LISTED).iter_rows(named=True)
        ]
        if places:
            more = f"; and {rows.height - LISTED} more" if rows.height > LISTED else ""
            lines.append(f"{words}: {'; '.join(places)}{more}.")
    return lines


def _named(bins: pl.DataFrame, matrix: bool) -> str:
    """The bins of highest influence, with what is known of how sure they are."""
    tested = bins["q_unusual"].is_not_null().any() or bins["ci_low"].is_not_null().any()
    counts, planted = bins["n_docs"].is_not_null().any(), bins["planted"].is_not_null().any()
    rows = [
        (
            _place(row),
            number_text(row["z"], 1),
            number_text(row["influence"], 4),
            *([between(*_interval(row), 4)] if tested else []),
            *([p_text(row["q_unusual"])] if tested else []),
            *(["n/a" if row["n_docs"] is None else f"{row['n_docs']:,}"] if counts else []),
            *([row["planted"] or "n/a"] if planted else []),
        )
        for row in _ranked(bins).head(NAMED).iter_rows(named=True)
    ]
    head = ["Highest bins", "z", "value" if matrix else "influence"]
    head += ["interval", "q"] if tested else []
    head += ["documents"] if counts else []
    head += ["planted"] if planted else []
    return table(head, rows)


def _interval(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The bin's interval; of a called one that which holds for called ones."""
    kind = "ci" if row["fcr_low"] is None else "fcr"
    return row[f"{kind}_low"], row[f"{kind}_high"]


def _topics(topics: pl.DataFrame) -> str:
    """Topics that are unusual among the topics, with intervals that hold for those called."""
    known = topics.drop_nulls("z").sort("z", "topic", descending=[True, False])
    if known.height < 2:
        return "The bins are of a single topic, which has no other to be compared with."
    called_ones = known.filter(pl.col("q_value") < SIGNIFICANT)
    above = called_ones.filter(pl.col("effect") > 0)
    below = called_ones.filter(pl.col("effect") < 0).reverse()
    words = []
    for rows, side in ((above, "supporting"), (below, "opposing")):
        names = [
            f"{plain(display_name(row['topic']))} ({number_text(row['z'])}, "
            f"{between(row['fcr_low'], row['fcr_high'])})"
            for row in rows.head(NAMED).iter_rows(named=True)
        ]
        if names:
            more = f" and {rows.height - len(names)} more" if rows.height > len(names) else ""
            words.append(f"{side}: {', '.join(names)}{more}")
    if not words:
        first = known.row(0, named=True)
        why = "none is unusual" if known["q_value"].is_not_null().any() else "too few to test"
        words = [
            f"{why}; the highest is {plain(display_name(first['topic']))} "
            f"({number_text(first['z'])}, {between(first['bins_low'], first['bins_high'])})"
        ]
    return (
        f"Topics unusual among the {known.height} (mean z over their bins, interval with the bins "
        f"as draws; q < {SIGNIFICANT:g}): {'; '.join(words)}.{_highest(known)}"
    )


def _highest(topics: pl.DataFrame) -> str:
    """Topics that are likely the highest, where errors are known."""
    likely = topics.filter(pl.col("p_top1") >= LIKELY).sort("p_top1", "topic", descending=True)
    if likely.is_empty():
        return ""
    names = [
        f"{plain(display_name(row['topic']))} {row['p_top1']:.0%}"
        for row in likely.iter_rows(named=True)
    ]
    return f" Chance to be the highest, other documents and questions drawn: {', '.join(names)}."
