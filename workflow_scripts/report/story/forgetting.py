"""The front page on forgetting: what the model loses with the documents of a topic."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from workflow_scripts.report.headline_unlearning import kept_share, primary_text
from workflow_scripts.report.numbers import number_text
from workflow_scripts.report.text import between, p_text, plain, table
from workflow_scripts.unlearning.arms import LONGEST, OTHER, SIMILAR
from workflow_scripts.unlearning.effects.pairs import CROSS_FITTED, PRIMARY, dose_text, shown_dose

if TYPE_CHECKING:
    from workflow_scripts.report.story.story import Story


def forgetting(story: "Story") -> list[str]:
    """Targeted documents against those of the other arms, at the dose that is shown."""
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
        *answered(story, shown_dose(tests)),
    ]


def primary(tests: pl.DataFrame) -> list[str]:
    """Registered primary test, and whether it was registered before the first evaluation."""
    named = tests.filter("primary")
    if named.is_empty():
        return ["**Primary**: none; no test that was made is the registered one."]
    when = (
        "changed **after** the first evaluation (topics and seeds belong to it)"
        if named.filter(registered="after").height
        else "named before the first evaluation"
    )
    text = f"**Primary**, {when}: {plain(primary_text(named))}."
    return [f"{text} Every other test of forgetting is exploratory."]


def chosen(topics: pl.DataFrame | None, titles: Mapping[str, str]) -> list[str]:
    """Agreement of the two halves of the questions on the topics of highest influence."""
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


def answered(story: "Story", dose: float) -> list[str]:
    """Dose response by question: every arm's mean correlation over topics."""
    responses = story.tables.get("dose_response")
    if responses is None or responses.is_empty():
        return []
    own = responses.filter(pl.col("target") == pl.col("evaluated"), topic="all", dose=dose)
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
    """Share of the documents' excess that stays on questions that did not choose them."""
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
