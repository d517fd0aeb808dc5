"""The front page of Snakemake's report: what was asked, found and checked, in the study's numbers.

Every number is read from a table of the study. A part whose table the study does not have is left
out; where its absence bears on what may be concluded, a line says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from workflow_scripts.common.taxonomy import display_name
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.report.story_checks import checks, limits
from workflow_scripts.report.story_text import (
    between,
    bullets,
    p_text,
    page,
    plain,
    range_of,
    section,
    table,
)
from workflow_scripts.report.style import counted, number_text

# Bins and topics that are named per benchmark with their numbers, and bins in a list beyond.
NAMED, LISTED = 5, 20
WHERE = (
    "The figures stand in the categories at the side, each with its caption, the table behind each "
    "under *Tables*. The page under *Explorer* shows every bin of every map with its interval, "
    "rank, q and number of documents."
)


@dataclass(frozen=True)
class Story:
    """What the page tells of.

    Attributes:
        study: name of the study.
        titles: benchmark -> its name for people, in the order of the study.
        facts: label and words of corpus, model and benchmarks.
        tables: name -> table, of those that the study has.
        confidence: level of the intervals.
        multiplicity: how q values are made.
        matrix: whether the maps are the values of an existing matrix.
    """

    study: str
    titles: Mapping[str, str]
    facts: list[tuple[str, str]]
    tables: Mapping[str, pl.DataFrame]
    confidence: float
    multiplicity: str
    matrix: bool


def write_story(story: Story) -> str:
    """The page as reStructuredText inside a raw block of Jinja."""
    parts = [
        f"**Which regions of the corpus does the model's capability come from?** Study "
        f"*{plain(story.study)}*.",
        section("What was asked", asked(story)),
        section("What supports each benchmark", supports(story)),
        section("How alike the maps are", alike(story)),
    ]
    for title, lines in (
        ("Would the maps be found again?", again(story)),
        ("What forgetting did", forgetting(story)),
    ):
        parts.append(section(title, lines))
    parts.append(section("What was done to check it", checks(story.tables, story.titles)))
    parts.append(section("What this does not show", [bullets(limits(story.tables))]))
    parts.append(section("Where to look", [WHERE]))
    return page(parts)


def asked(story: Story) -> list[str]:
    """The question, what a number of the map is, and the study's sizes."""
    share = f"{100 * story.confidence:g}%"
    meaning = (
        "The corpus is divided into 24 topics and 24 formats, 576 bins. The *influence* of a bin "
        "on a benchmark is the mean cosine between preconditioned gradients of its documents and "
        "of the benchmark's questions. **Positive means: the bin supports the benchmark.** *z* "
        f"is influence standardised over the bins. Intervals cover {share}."
    )
    if story.matrix:
        meaning = (
            "The maps were not computed here: they are the values of an existing bin matrix. "
            "**Positive means: the bin supports the benchmark.** *z* is a value standardised over "
            "the bins. Documents, questions and the model are not part of this study."
        )
    return [meaning, bullets(f"{plain(label)}: {plain(words)}" for label, words in story.facts)]


def called(bins: pl.DataFrame, sign: int) -> pl.DataFrame:
    """Bins outside the spread of bins, above (sign 1) or below (-1) the median bin."""
    side = pl.col("influence") > bins["influence"].median()
    return bins.filter(side if sign > 0 else ~side, pl.col("q_unusual") < SIGNIFICANT)


def supports(story: Story) -> list[str]:
    """Per benchmark: how many bins are called, the first of them, and the topics."""
    rule = (
        "A bin is *called* where it lies outside the spread that bins have anyway, at "
        f"q < {SIGNIFICANT:g} (false discovery rate, {plain(story.multiplicity.upper())}): of the "
        f"bins called, about one in {round(1 / SIGNIFICANT)} may be wrong. A bin that is not "
        "called is not shown to be without influence."
    )
    parts = [rule]
    for name, title in story.titles.items():
        bins = story.tables["bins"].filter(benchmark=name).drop_nulls("influence")
        marginals = story.tables["marginals"].filter(benchmark=name, axis="topic")
        parts += [
            f"**{plain(title)}.** {_counts(bins)}",
            _named(bins),
            *_also(bins),
            _topics(marginals),
        ]
    return parts


def _counts(bins: pl.DataFrame) -> str:
    if bins["q_unusual"].is_null().all():
        return f"{counted(bins.height, 'bin')} with values; without documents no bin can be tested."
    up, down = called(bins, 1).height, called(bins, -1).height
    words = f"{up} of {counted(bins.height, 'bin')} called as supporting, {down} as opposing."
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
            f"{_place(row)} (z {number_text(row['z'], 1)}, q {p_text(row['q_unusual'])})"
            for row in rows.head(LISTED).iter_rows(named=True)
        ]
        if places:
            more = f"; and {rows.height - LISTED} more" if rows.height > LISTED else ""
            lines.append(f"{words}: {'; '.join(places)}{more}.")
    return lines


def _named(bins: pl.DataFrame) -> str:
    """The bins of highest influence, with what is known of how sure they are."""
    rows = [
        (
            _place(row),
            number_text(row["z"], 1),
            number_text(row["influence"], 4),
            between(row["ci_low"], row["ci_high"], 4),
            p_text(row["q_unusual"]),
            "n/a" if row["n_docs"] is None else f"{row['n_docs']:,}",
        )
        for row in _ranked(bins).head(NAMED).iter_rows(named=True)
    ]
    return table(("Highest bins", "z", "influence", "interval", "q", "documents"), rows)


def _topics(topics: pl.DataFrame) -> str:
    """Topics whose mean differs from the average bin, from the interval over their bins."""
    known = topics.drop_nulls("z").sort("z", "topic", descending=[True, False])
    above = known.filter(pl.col("bins_low") > 0)
    below = known.filter(pl.col("bins_high") < 0).reverse()
    words = []
    for rows, side in ((above, "above"), (below, "below")):
        names = [
            f"{plain(display_name(row['topic']))} ({number_text(row['z'])}, "
            f"{between(row['bins_low'], row['bins_high'])})"
            for row in rows.head(NAMED).iter_rows(named=True)
        ]
        if names:
            more = f" and {rows.height - len(names)} more" if rows.height > len(names) else ""
            words.append(f"{side} the average bin: {', '.join(names)}{more}")
    if not words and known.height:
        first = known.row(0, named=True)
        words = [
            "none differs from the average bin; the highest is "
            f"{plain(display_name(first['topic']))} ({number_text(first['z'])}, "
            f"{between(first['bins_low'], first['bins_high'])})"
        ]
    return (
        f"Topics (mean z over their bins, interval): {'; '.join(words) or 'none'}. With "
        f"{known.height} topics one or two lie off 0 by chance."
    )


def alike(story: Story) -> list[str]:
    """Correlation of each pair of maps, without its strongest bin and against chance."""
    rows = [
        (
            " and ".join(plain(story.titles[row[key]]) for key in ("benchmark_a", "benchmark_b")),
            number_text(row["pearson"]),
            between(row["loo_low"], row["loo_high"]),
            number_text(row["spearman"]),
            number_text(row["corrected"]),
            p_text(row["p_value"]),
        )
        for row in story.tables["correlations"].iter_rows(named=True)
    ]
    if not rows:
        return ["The study has one map, so there is nothing to compare it with."]
    head = ("Maps", "Pearson's r", "without any one bin", "Spearman", "corrected for noise", "p")
    return [
        "Positive: the same bins support both benchmarks. A wide range without one bin means that "
        "one bin makes the correlation. p is from relabelled topics and formats.",
        table(head, rows),
    ]


def again(story: Story) -> list[str]:
    """Split-half reliability of each map, over documents and over questions."""
    reliability = story.tables.get("reliability")
    if reliability is None:
        return ["Not known: the study has no documents and questions to deal into halves."]
    rows = [
        (
            plain(story.titles[row["benchmark"]]),
            plain(row["over"]),
            number_text(row["corrected"]),
            plain(row["reason"] or "") or between(row["ci_low"], row["ci_high"]),
            number_text(row["spearman_corrected"]),
        )
        for row in reliability.iter_rows(named=True)
    ]
    by = reliability.group_by("over").agg("corrected")
    ranges = [f"{range_of(values)} over {over}" for over, values in sorted(by.iter_rows())]
    return [
        f"Reliability of the whole map (1 = found again exactly): {'; '.join(ranges)}. Ranks of "
        "all bins are found again less well than the strong bins are.",
        table(("Map", "halves of", "reliability", "range of splits", "of ranks"), rows),
    ]


def forgetting(story: Story) -> list[str]:
    """Targeted against matched random and bottom documents, at the largest dose."""
    tests = story.tables.get("tests")
    if tests is None or tests.is_empty():
        return [
            "No documents were forgotten in this study, so nothing here says what the model would "
            "lose without a region: the maps are estimates alone."
        ]
    dose = tests["dose"].max()
    own = tests.filter(pl.col("target") == pl.col("evaluated"), measure="accuracy", dose=dose)
    rows = [_forgotten(own.filter(target=name), story.titles) for name in own["target"].unique()]
    head = (
        "Target", "topics", "targeted", "targeted less random", "q", "bottom less random",
    )  # fmt: skip
    return [
        "Adapters were trained to forget documents of a topic: those of highest influence on the "
        "target (*targeted*), random ones matched to them, and those of lowest influence "
        "(*bottom*, the control). Points of accuracy lost at a rise of the forget loss by "
        f"{dose:g} nats a token, median over topics (interval); positive = worse than before. The "
        "estimate holds if targeted documents cost more than random ones and bottom ones do not.",
        table(head, sorted(rows)),
    ]


def _forgotten(rows: pl.DataFrame, titles: Mapping[str, str]) -> tuple[str, ...]:
    primary = _one(rows, "targeted-random", "matched")
    return (
        plain(titles[rows["target"][0]]),
        str(primary["n_topics"]) if primary else "n/a",
        _points(_one(rows, "targeted", "all")),
        _points(primary),
        p_text(primary["q_bh"] if primary else None),
        _points(_one(rows, "bottom-random", "all")),
    )


def _one(rows: pl.DataFrame, contrast: str, pairs: str) -> dict[str, Any] | None:
    found = rows.filter(contrast=contrast, pairs=pairs)
    return found.row(0, named=True) if found.height else None


def _points(row: Mapping[str, Any] | None) -> str:
    if row is None or row["median"] is None:
        return "n/a"
    low, high = (None if row[end] is None else 100 * row[end] for end in ("ci_low", "ci_high"))
    return f"{number_text(100 * row['median'], 1)} ({between(low, high, 1)})"
