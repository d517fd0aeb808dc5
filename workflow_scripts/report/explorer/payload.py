"""The explorer's data from the study's tables: what there is, and what is left out without it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any

import polars as pl

from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.contrasts.contrast_plan import Contrast
from workflow_scripts.report.cautions import Caution, concerning
from workflow_scripts.report.explorer.fold import fold
from workflow_scripts.report.explorer.maps import (
    add_marginals,
    add_scales,
    add_truth,
    benchmark_map,
    bin_columns,
    contrast_map,
    numbers,
)
from workflow_scripts.report.explorer.measures import measures_of
from workflow_scripts.report.numbers import counted

# From this share of near-duplicates on a bin is marked.
ALIKE = 0.5


@dataclass(frozen=True)
class Tables:
    """The study's tables; None for one that the study does not have."""

    bins: pl.DataFrame
    contrasts: pl.DataFrame | None = None
    correlations: pl.DataFrame | None = None
    marginals: pl.DataFrame | None = None
    weighted: pl.DataFrame | None = None
    summary: pl.DataFrame | None = None
    truth: pl.DataFrame | None = None


@dataclass(frozen=True)
class Kind:
    """Traits of a study that its tables do not show.

    Attributes:
        matrix: whether the maps are an existing matrix, whose values are of a kind of their own.
        cells: benchmark -> domain and title, for the sides of the contrasts.
        plans: the contrasts of the study.
        cautions: what must be known before a map is read.
    """

    matrix: bool = False
    cells: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plans: Sequence[Contrast] = ()
    cautions: Sequence[Caution] = ()


def explorer_payload(
    study: str,
    tables: Tables,
    benchmarks: Mapping[str, Mapping[str, Any]],
    facts: list[tuple[str, str]],
    confidence: float,
    kind: Kind | None = None,
) -> dict[str, Any]:
    """Everything that the page shows, JSON-ready.

    Args:
        study: its name.
        tables: of the study.
        benchmarks: facts of each (title, questions, accuracy, chance) in the order of the study.
        facts: what the page says of the study, as pairs of label and words.
        confidence: of the intervals.
        kind: of the study; by default one of documents, without contrasts or cautions.
    """
    kind = kind or Kind()
    maps = [_benchmark(tables, name, known, confidence) for name, known in benchmarks.items()]
    if tables.contrasts is not None:
        for plan in kind.plans:
            rows = tables.contrasts.filter(contrast=plan.name)
            maps += [] if rows.is_empty() else [contrast_map(plan, rows, kind.cells)]
    add_scales(maps)
    for made in maps:
        about = concerning(kind.cautions, _benchmarks_of(made, kind.plans))
        made["cautions"] = [kind.cautions.index(one) for one in about]
    present = {key for made in maps for key in made["measures"]}
    payload = {
        "study": study,
        "lead": _lead(tables, len(benchmarks), kind.matrix),
        "facts": facts,
        "how": _how(confidence, maps, tables.truth is not None, kind.matrix),
        "cautions": list(kind.cautions),
        "empty": "no value" if kind.matrix else "no documents",
        "significant": SIGNIFICANT,
        "confidence": confidence,
        "alike": ALIKE,
        "measures": [asdict(measure) for measure in measures_of(present, kind.matrix)],
        "bins": bin_columns(tables.summary),
        "maps": maps,
        "matrix": kind.matrix,
        "correlations": _correlations(tables.correlations),
    }
    return fold(payload)


def _benchmarks_of(made: Mapping[str, Any], plans: Sequence[Contrast]) -> list[str]:
    """Benchmarks that a map is of, or is a contrast of."""
    if made["kind"] == "benchmark":
        return [made["key"]]
    name = made["key"].partition(":")[2]
    return [each for plan in plans if plan.name == name for each in plan.weights]


def _benchmark(
    tables: Tables, name: str, known: Mapping[str, Any], confidence: float
) -> dict[str, Any]:
    weighted = None if tables.weighted is None else tables.weighted.filter(benchmark=name)
    if weighted is not None:
        reach = NormalDist().inv_cdf(0.5 + confidence / 2) * pl.col("mass_se")
        weighted = weighted.with_columns(low=pl.col("mass") - reach, high=pl.col("mass") + reach)
    made = benchmark_map(name, tables.bins.filter(benchmark=name), known, weighted)
    if tables.marginals is not None:
        add_marginals(made, tables.marginals.filter(benchmark=name))
    if tables.truth is not None and name in tables.truth["benchmark"].unique():
        add_truth(made, tables.truth.filter(benchmark=name))
    return made


def _correlations(table: pl.DataFrame | None) -> list[dict[str, Any]]:
    if table is None:
        return []
    names = {name: name for name in ("cross_half", "p_value", "ceiling", "pearson", "spearman")}
    names |= {"corrected": "corrected", "low": "loo_low", "high": "loo_high"}
    names |= {"ci_low": "ci_low", "ci_high": "ci_high"}
    return [
        {"a": row["benchmark_a"], "b": row["benchmark_b"], "reason": row["reason"]}
        | {name: numbers([row[column]])[0] for name, column in names.items()}
        for row in table.iter_rows(named=True)
    ]


def _lead(tables: Tables, n_benchmarks: int, matrix: bool) -> str:
    first = tables.bins.filter(benchmark=tables.bins["benchmark"][0])
    filled = first.drop_nulls("influence").height
    documents = first["n_docs"].sum()
    drawn = f"{counted(int(documents), 'document')} in " if documents else ""
    return (
        "Which regions of the corpus does the model's capability come from? "
        f"{drawn}{filled} of {first.height} bins (topic \u00d7 format), "
        f"{counted(n_benchmarks, 'benchmark')}. "
        f"Positive {'value' if matrix else 'influence'}: the bin's documents support the benchmark."
    )


def _dots(maps: list[dict[str, Any]]) -> list[str]:
    """Meaning of a dot, for the kinds of maps of which bins were tested."""
    words = {
        "benchmark": "In the map of a benchmark a dot marks a bin that lies outside the spread "
        f"that bins have anyway: q_unusual under {SIGNIFICANT:g}. Among the bins with a dot the "
        "expected share of false ones is at most that (false discovery rate).",
        "contrast": "In a contrast a dot marks a bin that tells its sides apart: q_value, from the "
        f"bin's own t law, under {SIGNIFICANT:g} (false discovery rate too). The figure of the "
        "contrasts marks by the same rule. The family-wise p is stricter: how often any bin of a "
        "draw without a contrast would be as far out.",
    }
    tested = {made["kind"] for made in maps if any(one is not None for one in made["found"])}
    return [line for kind, line in words.items() if kind in tested]


def _how(confidence: float, maps: list[dict[str, Any]], planted: bool, matrix: bool) -> list[str]:
    """Reading guide of the page, in lines that hold for this study."""
    share = f"{100 * confidence:g}%"
    if matrix:
        first = "A value is the number that the matrix gives for a bin and a benchmark. "
        intervals = (
            f"Bins have no intervals: a matrix states no errors. Intervals of topics and formats "
            f"cover {share} and take the unit's bins as draws."
        )
        last = "What a value proves depends on how the matrix was made; the page does not know it."
    else:
        first = (
            "Influence is the mean cosine of preconditioned gradients of a bin's documents and of "
            "the questions' gold answers. "
        )
        intervals = (
            f"Intervals cover {share} and take documents and questions as draws. On the scale of z "
            "they take the map's mean and spread as given."
        )
        last = (
            "Influence is a first-order estimate on one model and one draw of documents. It is no "
            "proof that the capability would be missing without the bin."
        )
    lines = [
        first + "Positive supports, negative opposes.",
        *_dots(maps),
        intervals,
        f"Hatched cells have {'no value' if matrix else 'no documents'}: no evidence, which is not "
        f"{'a value of 0' if matrix else 'no influence'}. A number that the study does not have is "
        "left out, or shown as n/a.",
        last,
    ]
    if planted:
        lines.append(
            "Planted truth: support bins state the capability in the given share of their "
            "documents (the dose), contradiction bins state it wrongly, decoys share its style "
            "alone."
        )
    return lines
