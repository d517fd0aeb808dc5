"""Checks of a study, each held to its bar; those that do not apply are listed with the reason."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.validation.baselines.explained import strongest
from workflow_scripts.validation.scorers import SCORERS, STUDY, in_order, of_kind
from workflow_scripts.validation.verdict.verdict import FAILED, NONE, PASSED, TOLD, Bar, Check

Line = dict[str, Any]

# The study's own map on planted truth: column, how benchmarks are put together, what it says, bar.
MAP_BARS = (
    ("auroc_support", "min", "support above all other bins, AUROC, lowest benchmark", Bar(0.95)),
    ("auroc_support_low", "min", "lower end of its interval over topics, lowest benchmark", NONE),
    (
        "auroc_support_vs_contradiction",
        "min",
        "support above contradiction, AUROC, lowest benchmark",
        Bar(0.95),
    ),
    (
        "auroc_support_vs_contradiction_low",
        "min",
        "lower end of that interval, lowest benchmark",
        NONE,
    ),
    ("contradiction_sign", "min", "contradiction below the mean, share, lowest", Bar(0.95)),
    ("dose_spearman", "min", "order of doses, rank correlation, lowest benchmark", Bar(0.5)),
    ("dose_spearman", "mean", "order of doses, rank correlation, mean", Bar(0.75)),
    ("false_discovery_share", "mean", "false among the bins called, share, mean", Bar(high=0.1)),
    ("power", "mean", f"support bins called at q < {SIGNIFICANT}, share, mean", NONE),
)
OF_CONTRADICTION = (
    "auroc_support_vs_contradiction",
    "auroc_support_vs_contradiction_low",
    "contradiction_sign",
)
FULL_DOSE = f"support bins of full dose called at q < {SIGNIFICANT}, share"
FULL_DOSE_BAR = Bar(0.9)
# Scorers that must not separate support from contradiction: on each benchmark, and averaged. The
# twins of the support bins hold the same words, so that words must tie; an untrained model may
# differ by chance on one benchmark (standard error 0.1).
BLIND = {
    "texts": (("min", Bar(0.45, 0.55)), ("max", Bar(0.45, 0.55))),
    "gradients": (("mean", Bar(0.4, 0.6)),),
}
SHUFFLED = Bar(high=0)
# Of a planted study; no bar elsewhere, for it depends on how many documents there are.
SPLIT_HALVES = Bar(0.8)
# Scores under 16 x 16 projections correlate 0.95 with unprojected ones, two of them 0.95^2; bins
# average over documents and questions, so they must do at least as well.
PROJECTION = Bar(0.9)
# Relative to the largest score, by the format of the stored rows.
EXACT = {"float32": Bar(high=1e-6), "float16": Bar(high=1e-5), "bfloat16": Bar(high=1e-5)}
COUNTED = Bar(high=0)
AHEAD = Bar(0.0)


@dataclass(frozen=True)
class Findings:
    """Tables and facts that a study is judged by.

    Attributes:
        tables: name -> table, of those that the study has.
        absent: name -> why the study does not have it.
        row_dtype: format of the stored document rows.
        planted: whether the study knows the truth.
        hard: whether its world is the hard one, in which several checks have no bar.
    """

    tables: Mapping[str, pl.DataFrame]
    absent: Mapping[str, str]
    row_dtype: str
    planted: bool
    hard: bool = False


def exactness_lines(found: Findings) -> Iterator[Line]:
    """Bins from sketches against the documents' scores, which take another way."""
    check = Check("exactness", "influence/bin_influence.parquet, attribution/scores/")
    what = "influence against the mean of the bin's documents, largest difference"
    counted, bar = "bins whose documents are not all there", EXACT[found.row_dtype]
    if reason := found.absent.get("bin_scores"):
        yield check.skipped(what, bar, reason)
        yield check.skipped(counted, COUNTED, reason)
        return
    both = found.tables["bin_scores"]
    far = (both["influence"] - both["mean_score"]).abs().max()
    largest = both["mean_score"].abs().max()
    yield check.line(what, far / largest if far is not None and largest else None, bar)
    yield check.line(counted, (both["n_docs"] != both["n_scores"]).sum(), COUNTED)


def planted_lines(found: Findings) -> Iterator[Line]:
    """Planted truth: the map must find it."""
    check = Check("planted truth", "validation/planted.parquet")
    of_bins = Check(check.name, "influence/bin_influence.parquet, corpus/truth.parquet")
    if reason := found.absent.get("planted"):
        yield from (check.skipped(measure, bar, reason) for *_, measure, bar in MAP_BARS)
        yield of_bins.skipped(FULL_DOSE, FULL_DOSE_BAR, reason)
        return
    own = found.tables["planted"].filter(scorer=STUDY)
    # A map that calls no bin makes no false discovery.
    own = own.with_columns(pl.col("false_discovery_share").fill_null(0))
    for column, how, measure, bar in MAP_BARS:
        if column in OF_CONTRADICTION and not own["n_contradiction"].sum():
            yield check.skipped(measure, bar, "no bin contradicts a benchmark")
            continue
        unknown = own.filter(pl.col(column).is_null())["benchmark"].to_list()
        value = None if unknown or not own.height else getattr(own[column], how)()
        yield check.line(measure, value, bar, f"no value on {', '.join(unknown) or 'any'}")
    yield of_bins.line(FULL_DOSE, full_dose_called(found.tables), FULL_DOSE_BAR, "no such bin")


def full_dose_called(tables: Mapping[str, pl.DataFrame]) -> float | None:
    """Share of the support bins full of support documents that are called, above the median."""
    bins = tables["map"].drop_nulls("influence")
    up = pl.col("influence") > pl.col("influence").median().over("benchmark")
    bins = bins.with_columns(called=up & (pl.col("q_unusual") < SIGNIFICANT).fill_null(False))
    full = tables["truth"].filter(pl.col("dose") >= 1, role="support")
    return full.join(bins, on=["benchmark", "topic", "format"])["called"].mean()


def blind_lines(found: Findings) -> Iterator[Line]:
    """Words and untrained models see what a text is about, not whether it is right."""
    controls = Check("controls", "validation/planted.parquet")
    column = "auroc_support_vs_contradiction"
    judged = [scorer for scorer in SCORERS if scorer.blind_to_truth]
    for scorer, how, bar in ((each.name, *line) for each in judged for line in BLIND[each.kind]):
        which = {"min": "lowest", "max": "highest", "mean": "mean"}[how]
        measure = f"{scorer}: support above contradiction, AUROC, {which}"
        if reason := found.absent.get("planted") or found.absent.get(scorer):
            yield controls.skipped(measure, bar, reason)
            continue
        own = found.tables["planted"].filter(scorer=scorer)
        if own.height and not own["n_contradiction"].sum():
            yield controls.skipped(measure, bar, "no bin contradicts a benchmark")
            continue
        value = None if own[column].null_count() else getattr(own[column], how)()
        yield controls.line(measure, value, bar)


def shuffled_lines(found: Findings) -> Iterator[Line]:
    """Documents assigned to bins at random: no bin may stand out."""
    check = Check("controls", "validation/bins/shuffled.parquet")
    measure = f"documents shuffled over bins: bins called at q < {SIGNIFICANT}"
    if reason := found.absent.get("shuffled"):
        yield check.skipped(measure, SHUFFLED, reason)
        return
    q = found.tables["shuffled"]["q_unusual"].drop_nulls()
    called = (q < SIGNIFICANT).sum() if len(q) else None
    yield check.line(measure, called, SHUFFLED, "no bin has an error")


def reliability_lines(found: Findings) -> Iterator[Line]:
    """Reliability of the map under other documents, questions and projections."""
    check = Check("reliability", "influence/reliability.parquet")
    table = found.tables["reliability"]
    halves = SPLIT_HALVES if found.planted else NONE
    for over, bar in (("documents", halves), ("questions", NONE)):
        values = table.filter(over=over)["corrected"]
        value = None if values.null_count() else values.min()
        line = check.line(f"other {over}, split halves of the map, lowest", value, bar)
        yield as_it_comes(line) if found.hard else line
    again = Check("reliability", "validation/projection.parquet")
    measure = "another random projection, Pearson of the maps, lowest"
    documents = "another random projection, Pearson of document scores, lowest"
    if reason := found.absent.get("projection"):
        yield again.skipped(measure, PROJECTION, reason)
        yield again.skipped(documents, NONE, reason)
        return
    table = found.tables["projection"]
    value = None if table["pearson"].null_count() else table["pearson"].min()
    yield again.line(measure, value, PROJECTION)
    if reason := found.absent.get("scores"):
        yield again.skipped(documents, NONE, reason)
    else:
        yield again.line(documents, table["pearson_documents"].min())


def explained_lines(found: Findings) -> Iterator[Line]:
    """Share of the map that the baselines explain; a low one is no merit, a high one no fault."""
    check = Check("baselines", "validation/explained.parquet")
    explained = found.tables["explained"]
    single = explained.filter(n_scorers=1)["scorer"].unique().sort().to_list()
    texts, ranked = of_kind(single, "texts"), in_order(single)
    for scorer in texts + of_kind(ranked, "gradients") + of_kind(ranked, "control"):
        value = explained.filter(scorer=scorer)["r2"].mean()
        yield check.line(f"variance of the map that {scorer} explains, R2, mean", value)
    if texts:
        value = strongest(explained, texts)["r2"].max()
        yield check.line("the best of them without gradients, R2, highest benchmark", value)
    for name, what in (("texts", "all without gradients"), ("all", "all with gradients")):
        values = explained.filter(scorer=name)["r2_adjusted"].drop_nulls()
        if len(values):
            yield check.line(f"{what} together, adjusted R2, mean", values.mean())
        values = explained.filter(scorer=name)["r2_of_reliable"].drop_nulls()
        if len(values):
            measure = f"{what} together, of the map's reliable variance, mean"
            yield check.line(measure, values.mean())


def leakage_lines(found: Findings) -> Iterator[Line]:
    """Contamination: questions found in documents, and what the map loses without them."""
    check = Check("leakage", "validation/leakage_maps.parquet")
    if reason := found.absent.get("leakage_maps"):
        yield check.skipped("questions that stand in the documents", NONE, reason)
        return
    maps = found.tables["leakage_maps"].unique(["benchmark", "removed"])
    for benchmark, removed, count, pearson in (
        maps.sort("benchmark", "removed", descending=[False, True])
        .select("benchmark", "removed", "n_removed", "pearson")
        .iter_rows()
    ):
        what = "questions found in documents" if removed == "questions" else "documents with one"
        yield check.line(f"{benchmark}: {what}", count)
        measure = f"{benchmark}: map without these {removed}, Pearson"
        yield check.line(measure, pearson, NONE, f"too few {removed} are left for a map")


def retraining_lines(found: Findings) -> Iterator[Line]:
    """Linear datamodeling score of the map on models trained without some of the bins."""
    check = Check("retraining", "validation/lds.parquet")
    ahead = "LDS of the map less that of the best text baseline, lowest"
    if reason := found.absent.get("lds"):
        yield check.skipped(ahead, AHEAD, reason)
        return
    table = found.tables["lds"].filter(measure="margin", sum="influence")
    texts = table.filter(pl.col("scorer").is_in(of_kind(table["scorer"].unique(), "texts")))
    if texts.is_empty():
        yield check.skipped(ahead, AHEAD, "no scorer of texts under validation.scorers")
    else:
        # An output whose scorers all lack a score would else be left out in silence.
        best = texts.group_by("output", maintain_order=True).agg(pl.col("ahead").min())
        unknown = best.filter(pl.col("ahead").is_null())["output"].to_list()
        value = None if unknown else best["ahead"].min()
        yield check.line(ahead, value, AHEAD, f"no value on {', '.join(unknown)}")
    for output, lds, ceiling in (
        table.filter(scorer=STUDY).select("output", "lds", "ceiling").iter_rows()
    ):
        yield check.line(f"{output}: LDS of the map", lds)
        yield check.line(f"{output}: ceiling by the noise of training seeds", ceiling)


# Checks whose bars are stated for the plain world: how well what is planted there is found, and
# that twins of the same words tie.
OF_PLAIN_WORLD = (planted_lines, blind_lines)
AS_IT_COMES = "as it comes: bars are stated for the plain world"
CHECKS = (
    exactness_lines,
    planted_lines,
    blind_lines,
    shuffled_lines,
    reliability_lines,
    explained_lines,
    leakage_lines,
    retraining_lines,
)


def all_lines(found: Findings) -> list[Line]:
    """The lines of every check, in the order of ``CHECKS``."""
    lines = []
    for check in CHECKS:
        told = found.hard and check in OF_PLAIN_WORLD
        lines += [as_it_comes(line) if told else line for line in check(found)]
    return lines


def as_it_comes(line: Line) -> Line:
    """The line without its bar; what a study cannot have stays so."""
    if line["state"] not in (PASSED, FAILED):
        return line
    reason = "; ".join(filter(None, (line["reason"], AS_IT_COMES)))
    return line | {"low": None, "high": None, "state": TOLD, "reason": reason}
