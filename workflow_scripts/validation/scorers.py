"""Scorers: every way to map the bins that a study's own map is held against.

The one list of them: the configuration is checked against it, and rules, costs, figures, pages and
the verdict take names and titles from it. Imports nothing of the project.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

STUDY, TRUTH = "trackstar", "truth"
# What a scorer may need beside the documents' bins, folds and lengths: the texts of the working
# set and the questions, word counts of these texts, a model that embeds them, the losses of the
# study's model, and the stored rows of its documents.
NEEDS = ("texts", "words", "encoder", "losses", "rows")


@dataclass(frozen=True)
class Scorer:
    """A value of the column ``scorer``, and what the workflow knows of it.

    Attributes:
        name: in the configuration, the tables and ``validation/bins/<name>.parquet``.
        title: its name for people, as it stands within a sentence.
        kind: what it sees: ``texts``, ``gradients`` or, as a control, nothing of use
            (``control``); ``study`` and ``truth`` are the map that is judged and what was planted.
        asked: how a study comes to have it: ``always``, ``listed`` under ``validation.scorers``,
            ``switched`` on by the key ``validation.<name>``; ``together`` is a fit of several.
        module: of ``validation/baselines``, whose ``map_bins`` maps it; of those listed.
        needs: entries of ``NEEDS``.
        blind_to_truth: whether it must not tell support from contradiction in a planted study,
            to which the verdict holds it.
        brief: whether it is shown where there is room for a few.
    """

    name: str
    title: str
    kind: str
    asked: str = ""
    module: str = ""
    needs: tuple[str, ...] = ()
    blind_to_truth: bool = False
    brief: bool = False


# In the order of figures and pages.
SCORERS = (
    Scorer(STUDY, "this study's map", "study", brief=True),
    Scorer(TRUTH, "planted truth", "truth"),
    Scorer("cosine", "gradient cosine", "gradients", "always"),
    Scorer("dot", "gradient dot product", "gradients", "always"),
    Scorer(
        "tfidf",
        "TF-IDF (words alone)",
        "texts",
        "listed",
        module="lexical",
        needs=("texts", "words"),
        blind_to_truth=True,
        brief=True,
    ),
    Scorer(
        "bm25",
        "BM25 (words alone)",
        "texts",
        "listed",
        module="lexical",
        needs=("texts", "words"),
        blind_to_truth=True,
    ),
    Scorer(
        "embedding",
        "embedding similarity",
        "texts",
        "listed",
        module="embedding",
        needs=("texts", "encoder"),
    ),
    Scorer("length", "document length", "texts", "listed", module="document_scores"),
    Scorer("loss", "base loss", "texts", "listed", module="document_scores", needs=("losses",)),
    Scorer("texts", "texts, all together", "texts", "together", brief=True),
    Scorer(
        "untrained", "untrained model", "gradients", "switched", blind_to_truth=True, brief=True
    ),
    Scorer("all", "all together", "gradients", "together"),
    Scorer("shuffled", "shuffled documents", "control", "switched", needs=("rows",), brief=True),
    Scorer("random", "random numbers", "control", "listed", module="document_scores"),
)
BY_NAME = {scorer.name: scorer for scorer in SCORERS}
ALWAYS = tuple(scorer.name for scorer in SCORERS if scorer.asked == "always")
LISTED = tuple(scorer.name for scorer in SCORERS if scorer.asked == "listed")
TOGETHER = tuple(scorer.name for scorer in SCORERS if scorer.asked == "together")


def scorer_of(name: str) -> Scorer:
    """The scorer of a name.

    Raises:
        ValueError: there is no such scorer; the message lists all.
    """
    if name not in BY_NAME:
        raise ValueError(f"unknown scorer {name!r}; known are {', '.join(BY_NAME)}")
    return BY_NAME[name]


def of_kind(names: Iterable[str], *kinds: str) -> list[str]:
    """Names of these kinds among some scorers, in their order.

    Raises:
        ValueError: one of the names is no scorer's.
    """
    return [name for name in names if scorer_of(name).kind in kinds]


def needs_of(names: Iterable[str]) -> set[str]:
    """Union of the needs of some scorers, entries of ``NEEDS``.

    Raises:
        ValueError: one of the names is no scorer's.
    """
    return {need for name in names for need in scorer_of(name).needs}


def that_need(*needs: str) -> list[str]:
    """Names under ``validation.scorers`` that need any of these, in the order of ``SCORERS``."""
    return [name for name in LISTED if not needs_of([name]).isdisjoint(needs)]


def study_scorers(checks: Mapping[str, Any], keep_rows: bool) -> list[str]:
    """Names of the scorers whose maps a study makes, in the order of its jobs' parameters.

    Args:
        checks: the config section ``validation``.
        keep_rows: whether the rows of the documents are stored.
    """
    switched = [
        scorer.name
        for scorer in SCORERS
        if scorer.asked == "switched"
        and checks[scorer.name]
        and (keep_rows or "rows" not in scorer.needs)
    ]
    return [*ALWAYS, *checks["scorers"], *switched]


def in_order(names: Collection[str]) -> list[str]:
    """Scorers of a table in the order of ``SCORERS``; names that are not there come last."""
    known = [name for name in BY_NAME if name in set(names)]
    return known + sorted(set(names) - set(known))


def shown_in_brief(names: Collection[str]) -> list[str]:
    """Scorers of a table that are shown where there is room for a few; unknown ones too."""
    return [name for name in in_order(names) if name not in BY_NAME or BY_NAME[name].brief]


def title_of(name: str) -> str:
    """Title of a scorer for people; a name that no scorer has stands for itself."""
    return BY_NAME[name].title if name in BY_NAME else name


def label_of(name: str) -> str:
    """The title as a label of its own: with a capital."""
    title = title_of(name)
    return title[:1].upper() + title[1:] if name in BY_NAME else title
