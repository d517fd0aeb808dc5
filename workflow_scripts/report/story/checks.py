"""Front page: checks of a study, and limits that no check can show."""

from collections.abc import Mapping

import polars as pl

from workflow_scripts.report.numbers import number_text
from workflow_scripts.report.planted_doses import few_doses
from workflow_scripts.report.story.bins import called, planted_words
from workflow_scripts.report.text import between, bullets, plain, range_of, table
from workflow_scripts.validation.scorers import STUDY, in_order, shown_in_brief, title_of

# Roles of bins in the order of the page.
ORDER = {"support": 0, "decoy": 1, "neutral": 2, "contradiction": 3}


def checks(
    tables: Mapping[str, pl.DataFrame], titles: Mapping[str, str], matrix: bool, retrained: bool
) -> list[str]:
    """Planted truth, what baselines explain, questions in the corpus, and what was not run.

    Args:
        tables: name -> table, of those that the study has.
        titles: benchmark -> its name for people.
        matrix: whether the maps are an existing matrix.
        retrained: whether the study's model can be trained again.
    """
    if matrix:
        return _apart(matrix, retrained)
    parts = [*truth(tables.get("planted")), *found(tables), *explained(tables.get("explained"))]
    parts += leakage(
        tables.get("leakage"), tables.get("leakage_maps"), titles, planted="planted" in tables
    )
    return [*parts, *_apart(matrix, retrained)]


def _apart(matrix: bool, retrained: bool) -> list[str]:
    """Checks that are no part of a run of the study, and the command of each."""
    if matrix:
        return [
            "None: a matrix has no documents and no model, so no baseline, no search for "
            "questions, no second projection and no retraining can check it. The planted study, "
            "the workflow's default, shows how the method fares where the truth is known."
        ]
    lines = [
        "a second projection of the gradients (are the maps those of the projection?): "
        "``snakemake validate``, whose verdict is validation/verdict.parquet"
    ]
    if retrained:
        lines.append(
            "retraining (do the maps foretell models trained on other documents?): "
            "``snakemake lds``, which writes validation/lds.parquet; an hour or more"
        )
    else:
        lines.append(
            "retraining: not possible here, since the study's model was not trained by it; "
            "``make lds`` does it on a small corpus of its own"
        )
    return [
        "**Not run with the study.** This page does not know these checks; each is a command of "
        "its own, with the options the study was run with:",
        bullets(lines),
    ]


def truth(planted: pl.DataFrame | None) -> list[str]:
    """Recovery of the planted truth by the map and its rivals."""
    if planted is None or planted.is_empty():
        return [
            "**Truth.** What supports a benchmark in this corpus is not known, so the map cannot "
            "be held against it. The planted study, the workflow's default, shows how the method "
            "fares where it is known."
        ]
    own = planted.filter(scorer=STUDY)
    wrong, found = range_of(own["false_discovery_share"]), range_of(own["power"])
    areas = ("auroc_support_low", "auroc_support_vs_contradiction_low")
    ends = " and ".join(number_text(own[area].min()) for area in areas)
    columns = ("auroc_support", "auroc_support_vs_contradiction", "dose_spearman")
    rows = [
        (title_of(name), *(range_of(planted.filter(scorer=name)[column]) for column in columns))
        for name in in_order(planted["scorer"].unique())
    ]
    head = ("Range over benchmarks", "support above other bins", "above contradiction", "dose")
    return [
        "**Planted truth.** The corpus is generated and its support bins are known. Of the bins "
        f"called as supporting, the share that was not planted is {wrong}; of the bins planted, "
        f"the share called is {found}. Below: AUROC (0.5 = knows nothing) of support against all "
        "other bins, and against bins with the same words and wrong answers; rank correlation of "
        "influence with the dose (0 = knows nothing). Words and an untrained model see where the "
        "sentences stand, but must not tell right answers from wrong ones (second column); "
        "shuffled documents and random scores must know nothing at all. Intervals over topics of "
        f"the map's own two areas reach down to {ends}.",
        table(head, rows),
    ]


def found(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """Of the bins with documents, by what was planted there: how many are called as supporting."""
    if "truth" not in tables:
        return []
    keys = ["benchmark", "topic", "format"]
    parts = [
        called(rows, 1).select(keys)
        for _, rows in tables["bins"].drop_nulls("influence").group_by("benchmark")
    ]
    marked = (
        tables["bins"]
        .drop_nulls("influence")
        .join(pl.concat(parts).with_columns(called=pl.lit(True)), on=keys, how="left")
    )
    groups = (
        few_doses(marked.join(tables["truth"], on=keys))
        .group_by("role", "dose")
        .agg(pl.len().alias("bins"), pl.col("called").is_not_null().sum(), pl.col("z").median())
        .sort(pl.col("role").replace_strict(ORDER), "dose", descending=[False, True])
    )
    rows = [
        (
            planted_words(row),
            f"{row['bins']:,}",
            f"{row['called']:,}",
            number_text(row["z"], 1),
        )
        for row in groups.iter_rows(named=True)
    ]
    head = ("Planted (share of the documents), all benchmarks", "bins", "called", "median z")
    return [
        "How many bins are called as supporting, by what was planted there: support bins that are "
        "not called are misses, other bins that are called are false calls.",
        table(head, rows),
    ]


def explained(baselines: pl.DataFrame | None) -> list[str]:
    """Share of each map that simpler scorers explain."""
    if baselines is None or baselines.is_empty():
        return [
            "**Baselines.** No other scorer was run, so whether words or lengths alone would give "
            "the same maps is not known here."
        ]
    rows = []
    for name in shown_in_brief(baselines["scorer"].unique()):
        found = baselines.filter(scorer=name)
        interval = between(found["r2_low"].min(), found["r2_high"].max())
        rows.append((title_of(name), range_of(found["r2_adjusted"]), interval))
    return [
        "**Baselines.** Share of the map's variance over bins that simpler scorers explain "
        "(adjusted R2; near 0 = nothing). The interval redraws topics and formats and is the "
        "widest of all benchmarks; where a few bins carry the map it is wide.",
        table(("Scorer", "explained, range over benchmarks", "widest interval"), rows),
    ]


def leakage(
    hits: pl.DataFrame | None,
    maps: pl.DataFrame | None,
    titles: Mapping[str, str],
    planted: bool = False,
) -> list[str]:
    """Number of documents that hold a question, and the map without them."""
    if hits is None:
        return ["**Leakage.** The corpus was not searched for the benchmarks' questions."]
    lines = []
    for name, title in titles.items():
        rows = hits.filter(benchmark=name)
        held, documents = int(rows["n_documents_hit"].sum()), int(rows["n_documents"].sum())
        words = (
            f"{plain(title)}: {held:,} of {documents:,} documents hold a question with its answer"
        )
        without = (
            pl.DataFrame() if maps is None else maps.filter(benchmark=name, removed="documents")
        )
        if held and without.height:
            words += (
                f"; the map without them correlates {number_text(without['pearson'][0])} with it"
            )
        lines.append(words)
    by_design = " Documents that were planted to teach a fact hold it by design." if planted else ""
    return [
        "**Leakage.** The corpus was searched for the benchmarks' questions." + by_design,
        bullets(lines),
    ]


def limits(tables: Mapping[str, pl.DataFrame], matrix: bool = False) -> list[str]:
    """Limits of the study."""
    if matrix:
        return [
            "What a value proves depends on how the matrix was made; this study does not know it.",
            "A bin without a value (grey in the maps) is no evidence, not a value of 0.",
            "A matrix states no errors: which differences of bins are noise is not known here.",
        ]
    lines = [
        "Influence is a first-order estimate of what training on a document does to an answer. It "
        "is no proof that the capability would be missing without it.",
        "A bin without documents (grey in the maps) is no evidence, not no influence.",
        "The maps hold for this model, corpus and these questions; other ones were not tried here.",
    ]
    if "planted" in tables:
        lines.append(
            "A generated corpus is simpler than text from the web: what is found here shows that "
            "the method works where the truth is known, not that it does everywhere."
        )
    if "tests" in tables:
        lines.append(
            "Forgetting by adapters is not the same as never having trained on the documents; "
            "with few topics its intervals are wide."
        )
    return lines
