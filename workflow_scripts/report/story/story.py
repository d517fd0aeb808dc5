"""The front page of Snakemake's report: what was asked, found and checked, in the study's numbers.

Every number is read from a table of the study. A part whose table the study does not have is left
out; where its absence bears on what may be concluded, a line says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from workflow_scripts.influence.contrasts.contrast_plan import Contrast
from workflow_scripts.report.budget_words import benchmark_rows, budget_words
from workflow_scripts.report.cautions import WARNING, Caution
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.story.bins import supports
from workflow_scripts.report.story.checks import checks, limits
from workflow_scripts.report.story.choices import other_choices
from workflow_scripts.report.story.contrasts import contrasted
from workflow_scripts.report.story.forgetting import forgetting
from workflow_scripts.report.text import (
    between,
    bullets,
    p_text,
    page,
    plain,
    range_of,
    section,
    table,
)

WHERE = (
    "The figures stand in the categories at the side, each with its caption, the table behind each "
    "under *Tables*. The page under *Explorer* shows every bin of every map with {numbers}."
)


# Of a study of documents, and of a matrix.
NUMBERS = ("its interval, rank, q and number of documents", "its value and rank")


@dataclass(frozen=True)
class Story:
    """Contents of the front page.

    Attributes:
        study: name of the study.
        titles: benchmark -> its name for people, in the order of the study.
        facts: label and words of corpus, model and benchmarks.
        tables: name -> table, of those that the study has.
        confidence: level of the intervals.
        multiplicity: how q values are made.
        matrix: whether the maps are the values of an existing matrix.
        retrained: whether the study's model can be trained again.
        cautions: what must be known before a map is read.
        plans: the contrasts of the study.
    """

    study: str
    titles: Mapping[str, str]
    facts: list[tuple[str, str]]
    tables: Mapping[str, pl.DataFrame]
    confidence: float
    multiplicity: str
    matrix: bool
    retrained: bool = False
    cautions: Sequence[Caution] = ()
    plans: Sequence[Contrast] = ()


def write_story(story: Story) -> str:
    """The page as reStructuredText inside a raw block of Jinja."""
    parts = [
        f"**Which regions of the corpus does the model's capability come from?** Study "
        f"*{plain(story.study)}*.",
        section("What was asked", asked(story)),
        *([section("Read with caution", [warned(story)])] if story.cautions else []),
        section(
            "What supports each benchmark",
            supports(story.tables, story.titles, story.multiplicity, story.matrix, story.cautions),
        ),
        section(
            "Contrasts",
            contrasted(
                story.tables.get("contrasts"),
                story.tables.get("contrast_extremes"),
                story.plans,
                story.matrix,
            ),
        ),
        section("How alike the maps are", alike(story)),
    ]
    for title, lines in (
        ("Would the maps be found again?", again(story)),
        (
            "Would other choices give other maps?",
            other_choices(story.tables.get("sensitivity"), story.titles),
        ),
        ("How sure is a bin?", sure(story)),
        ("What forgetting did", forgetting(story)),
    ):
        parts.append(section(title, lines))
    parts.append(section("What was done to check it", _checked(story)))
    parts.append(section("What this does not show", [bullets(limits(story.tables, story.matrix))]))
    parts.append(section("Where to look", [WHERE.format(numbers=NUMBERS[story.matrix])]))
    return page(parts)


def _checked(story: Story) -> list[str]:
    return checks(story.tables, story.titles, story.matrix, story.retrained)


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


def warned(story: Story) -> str:
    """The cautions, those in bold that can change what a map means."""
    return bullets(
        f"**{plain(one['text'])}**" if one["severity"] == WARNING else plain(one["text"])
        for one in story.cautions
    )


def alike(story: Story) -> list[str]:
    """Agreement of each pair of maps: across halves of the documents, of whole maps, by chance."""
    if "correlations" not in story.tables:
        return ["The maps were not compared with each other."]
    correlations = story.tables["correlations"]
    if correlations.is_empty():
        return ["The study has one map, so there is nothing to compare it with."]
    rows = [_pair(row, story) for row in correlations.iter_rows(named=True)]
    whole = ("Pearson's r", "without any one bin", "Spearman")
    if story.matrix:
        said = (
            "Positive: the same bins support both benchmarks. A wide range without one bin means "
            "that one bin makes the correlation. A matrix has no documents to deal into halves: "
            "whether noise that its maps share makes a correlation is not known."
        )
        return [said, table(("Maps", whole[0], "interval", "p", *whole[1:]), rows)]
    said = (
        "**Cross-half** is the correlation of one map on one half of each bin's documents with the "
        "other map on the other half; interval and p are its own. Positive: the same bins support "
        "both benchmarks. *At most* is what halves of equal maps would reach. Pearson's r is that "
        "of the whole maps, which score the same documents: their shared noise is in it, and far "
        "above cross-half it is little else. *Without noise* is an estimate, where enough of both "
        "maps is above their noise. Each benchmark asks its own questions"
        f"{_asked_twice(correlations, story.titles)}."
    )
    head = ("Maps", "cross-half", "interval", "p", "at most", *whole, "without noise")
    return [said, table(head, rows)]


def _pair(row: Mapping[str, Any], story: Story) -> tuple[str, ...]:
    """Cells of one pair of maps, the leading correlation first."""
    names = " and ".join(plain(story.titles[row[key]]) for key in ("benchmark_a", "benchmark_b"))
    test = between(row["ci_low"], row["ci_high"]), p_text(row["p_value"])
    pearson, others = (
        number_text(row["pearson"]),
        (
            between(row["loo_low"], row["loo_high"]),
            number_text(row["spearman"]),
        ),
    )
    if story.matrix:
        return names, pearson, *test, *others
    lead = number_text(row["cross_half"])
    if row["cross_half"] is None:
        lead = plain(row["reason"] or "not known")
    most = number_text(row["ceiling"])
    return names, lead, *test, most, pearson, *others, number_text(row["corrected"])


def _asked_twice(correlations: pl.DataFrame, titles: Mapping[str, str]) -> str:
    """Pairs that ask the same tasks, as the end of a sentence."""
    pairs = [
        f"{plain(titles[row['benchmark_a']])} and {plain(titles[row['benchmark_b']])} "
        f"({counted(row['shared_tasks'], 'task')})"
        for row in correlations.iter_rows(named=True)
        if row["shared_tasks"]
    ]
    return f", but some share tasks, and may agree by these: {'; '.join(pairs)}" if pairs else ""


def again(story: Story) -> list[str]:
    """Split-half reliability of each map, over documents and over questions."""
    reliability = story.tables.get("reliability")
    if reliability is None:
        return ["Not known: the study has no documents and questions to deal into halves."]
    places = {name: place for place, name in enumerate(story.titles)}
    rows = [
        (
            plain(story.titles[row["benchmark"]]),
            plain(row["over"]),
            number_text(row["corrected"]),
            plain(row["reason"] or "") or between(row["ci_low"], row["ci_high"]),
            number_text(row["spearman_corrected"]),
        )
        for row in sorted(
            reliability.iter_rows(named=True), key=lambda row: places[row["benchmark"]]
        )
    ]
    by = reliability.group_by("over").agg("corrected")
    ranges = [f"{range_of(values)} over {over}" for over, values in sorted(by.iter_rows())]
    return [
        f"Reliability of the whole map (1 = found again exactly): {'; '.join(ranges)}. Ranks of "
        "all bins are found again less well than the strong bins are.",
        table(("Map", "halves of", "reliability", "range of splits", "of ranks"), rows),
    ]


def sure(story: Story) -> list[str]:
    """The error budget of each benchmark's bins."""
    table_of = story.tables.get("error_budget")
    if table_of is None:
        return ["Not known: the study has no documents and questions to redraw."]
    rows = benchmark_rows(table_of)
    return [
        "The error of a bin in standard deviations (sd) of its map, the unit of z, for the median "
        "bin, and what it is made of. What is not known would make it larger.",
        bullets(
            f"{plain(title)}: {plain(budget_words(rows[name]))}."
            for name, title in story.titles.items()
        ),
    ]
