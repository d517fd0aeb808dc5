"""The front page of Snakemake's report: what was asked, found and checked, in the study's numbers.

Every number is read from a table of the study. A part whose table the study does not have is left
out; where its absence bears on what may be concluded, a line says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from workflow_scripts.influence.contrast_plan import Contrast
from workflow_scripts.report.budget_words import benchmark_rows, budget_words
from workflow_scripts.report.cautions import WARNING, Caution
from workflow_scripts.report.headline_unlearning import kept_share
from workflow_scripts.report.numbers import counted, number_text
from workflow_scripts.report.story_bins import supports
from workflow_scripts.report.story_checks import checks, limits
from workflow_scripts.report.story_choices import other_choices
from workflow_scripts.report.story_contrasts import contrasted
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
from workflow_scripts.unlearning.names import LONGEST, OTHER, SIMILAR
from workflow_scripts.unlearning.pairs import CROSS_FITTED, PRIMARY, dose_text, shown_dose

WHERE = (
    "The figures stand in the categories at the side, each with its caption, the table behind each "
    "under *Tables*. The page under *Explorer* shows every bin of every map with {numbers}."
)


# Of a study of documents, and of a matrix.
NUMBERS = ("its interval, rank, q and number of documents", "its value and rank")


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
    """Which pairs ask the same tasks, as the end of a sentence."""
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


def forgetting(story: Story) -> list[str]:
    """Targeted against matched random and bottom documents, at the largest dose."""
    tests = story.tables.get("tests")
    if tests is None or tests.is_empty():
        return [
            "No documents were forgotten in this study, so nothing here says what the model would "
            "lose without a region: the maps are estimates alone."
        ]
    own = tests.filter(
        pl.col("target") == pl.col("evaluated"), measure="accuracy", dose=shown_dose(tests)
    )
    targets = [name for name in story.titles if name in own["target"]]
    crossed = own.filter(contrast=CROSS_FITTED).height > 0
    rows = [_forgotten(own.filter(target=name), story.titles, crossed) for name in targets]
    head = (
        "Target", "topics", "targeted", "targeted less random", "p", "q",
        *(["cross-fitted"] if crossed else []), "targeted less low", "bottom less random",
    )  # fmt: skip
    return [
        "Adapters were trained to forget documents of a topic: those of highest influence on the "
        "target (*targeted*), others matched to them and drawn at random (*random*) or from those "
        "of low influence (*low*), and those of lowest influence (*bottom*). Points of accuracy "
        f"lost at {dose_text(tests)}, median over topics (interval over topics and questions); "
        "positive = worse than before. The estimate holds if targeted documents cost more than "
        "random ones and bottom ones do not.",
        table(head, rows),
        *primary(tests),
        *chosen(story.tables.get("topics"), story.titles),
        *_other_choices(own, story.titles, targets),
        *_kept(story, targets),
        *answered(story),
    ]


def primary(tests: pl.DataFrame) -> list[str]:
    """What was named as the primary test, and whether before the first evaluation."""
    named = tests.filter("primary")
    if named.is_empty():
        return []
    first, late = named.row(0, named=True), named.filter(registered="after").height
    when = (
        "changed **after** the first evaluation (topics and seeds belong to it)"
        if late
        else "named before the first evaluation"
    )
    return [
        f"**Primary:** {first['contrast']} of {first['measure']} at {first['dose']:g} nats, "
        f"{when}. Every other test of forgetting is exploratory."
    ]


def chosen(topics: pl.DataFrame | None, titles: Mapping[str, str]) -> list[str]:
    """Whether either half of the questions would have chosen the topics that were forgotten."""
    if topics is None or topics.is_empty():
        return []
    first = topics.filter(rank=1)
    parts = [
        f"{number_text(100 * row['stays'], 0)}% ({plain(titles[row['target']])})"
        for row in first.drop_nulls("stays").sort("target").iter_rows(named=True)
    ]
    if not parts:
        return []
    return [
        f"Of the {first['n_top'][0]} topics of highest influence by one half of the questions, "
        f"among those of the other half: {', '.join(parts)}."
    ]


def answered(story: Story) -> list[str]:
    """Dose response by question: every arm's mean correlation over topics."""
    responses = story.tables.get("dose_response")
    if responses is None or responses.is_empty():
        return []
    own = responses.filter(
        pl.col("target") == pl.col("evaluated"), topic="all", dose=responses["dose"].max()
    )
    rows = [
        (
            plain(story.titles[row["target"]]),
            plain(row["arm"]),
            number_text(row["spearman"]),
            between(row["ci_low"], row["ci_high"]),
            number_text(row["other_topics"]),
        )
        for row in own.sort("target", "arm", descending=[False, True]).iter_rows(named=True)
    ]
    head = ("Target", "arm", "correlation", "interval", "with the other topics' documents")
    return [
        "**By question.** Within one adapter topic, arm, seed and dose are the same for every "
        "question: rank correlation over the target's questions between the influence of the "
        "forgotten documents and the margin lost, mean over topics. The last column takes what the "
        "arm forgets in the other topics instead.",
        table(head, rows),
    ]


def _forgotten(rows: pl.DataFrame, titles: Mapping[str, str], crossed: bool) -> tuple[str, ...]:
    published = _one(rows, PRIMARY, "matched")
    return (
        plain(titles[rows["target"][0]]),
        str(published["n_topics"]) if published else "n/a",
        _points(_one(rows, "targeted", "all")),
        _points(published),
        p_text(published["p_t"] if published else None),
        p_text(published["q_bh"] if published else None),
        *([_points(_one(rows, CROSS_FITTED, "matched"))] if crossed else []),
        _points(_one(rows, "targeted-low", "matched")),
        _points(_one(rows, "bottom-random", "all")),
    )


def _other_choices(
    own: pl.DataFrame, titles: Mapping[str, str], targets: Sequence[str]
) -> list[str]:
    """Influence against other ways of choosing what to forget, where the study has them."""
    arms = [a for a in (SIMILAR, OTHER, LONGEST) if f"targeted-{a}" in own["contrast"]]
    if not arms:
        return []
    rows = [
        (plain(titles[name]), *(_points(_one(part, f"targeted-{arm}", "all")) for arm in arms))
        for name in targets
        for part in [own.filter(target=name)]
    ]
    return [
        "Is influence better at choosing what to forget than the words of the questions, the "
        "influence on another benchmark, or length? Targeted less documents chosen by these:",
        table(("Target", *(f"less {arm}" for arm in arms)), rows),
    ]


def _kept(story: "Story", targets: Sequence[str]) -> list[str]:
    """What of the documents' excess stays on questions that did not choose them."""
    selection = story.tables.get("selection")
    if selection is None:
        return []
    shares = [(name, kept_share(selection.filter(target=name))) for name in targets]
    told = [f"{share:.0%} ({plain(story.titles[name])})" for name, share in shares if share]
    if not told:
        return []
    return [
        "Documents of highest influence are chosen by the questions that are asked afterwards. "
        f"Those that half of the questions choose keep {', '.join(told)} of their excess on the "
        "other half; *cross-fitted* damage is asked of that half alone."
    ]


def _one(rows: pl.DataFrame, contrast: str, pairs: str) -> dict[str, Any] | None:
    found = rows.filter(contrast=contrast, pairs=pairs)
    return found.row(0, named=True) if found.height else None


def _points(row: Mapping[str, Any] | None) -> str:
    if row is None or row["median"] is None:
        return "n/a"
    low, high = (None if row[end] is None else 100 * row[end] for end in ("ci_low", "ci_high"))
    return f"{number_text(100 * row['median'], 1)} ({between(low, high, 1)})"
