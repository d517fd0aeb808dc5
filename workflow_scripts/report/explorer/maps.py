"""The numbers in the explorer: every map by its measures, taken from the study's tables.

Arrays have one entry per bin in the order of ``taxonomy.BINS`` (or per topic or format); null is
no evidence. Floats keep six significant digits.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.common.thresholds import SIGNIFICANT
from workflow_scripts.influence.bins.bin_table import MAD_TO_SD
from workflow_scripts.influence.contrasts.contrast_plan import Contrast, side_words
from workflow_scripts.report.explorer.measures import MEASURES, number_format
from workflow_scripts.report.figures.contrast_panels import found
from workflow_scripts.report.figures.grid import colour_scale, row_means

DIGITS = 6
# Columns of a bin that the page lists, per map and for the bin itself.
MAP_COLUMNS = (
    "influence",
    "se",
    "ci_low",
    "ci_high",
    "rank",
    "p_value",
    "p_max",
    "q_unusual",
    "n_docs",
    "n_sites",
    "n_effective",
    "dominated",
    "coherence",
)
BIN_COLUMNS = (
    "n_available",
    "n_tokens",
    "weight",
    "underfilled",
    "near_duplicate_share",
    "largest_site_share",
    "share_truncated",
)


def numbers(values: Any) -> list[float | int | None]:
    """JSON-ready list: floats to six significant digits, NaN and null as None, bools as 0 and 1."""
    return [_number(value) for value in values]


def _number(value: Any) -> float | int | None:
    if value is None or value != value:
        return None
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return int(value)


def by_bin(frame: pl.DataFrame, column: str) -> list[Any]:
    """A column of one map's table in the order of ``BINS``; None where the table has no row."""
    rows = frame.select("topic", "format", column).iter_rows()
    known = {(topic, format_): value for topic, format_, value in rows}
    return [known.get(pair) for pair in BINS]


def benchmark_map(
    name: str, bins: pl.DataFrame, facts: Mapping[str, Any], weighted: pl.DataFrame | None = None
) -> dict[str, Any]:
    """One benchmark's map: its columns and measures.

    Args:
        name: of the benchmark.
        bins: its rows of ``influence/bin_influence``.
        facts: title, and what is known of its questions.
        weighted: its mass-weighted map (topic, format, mass, low, high), if there is one.
    """
    table = {column: by_bin(bins, column) for column in MAP_COLUMNS if column in bins.columns}
    influence = _floats(table["influence"])
    ends = [_floats(table["ci_low"]), _floats(table["ci_high"])]
    centred = {"z": _mean_and_sd(influence), "robust_z": _median_and_mad(influence)}
    measures = {
        key: _measure(by_bin(bins, key), *[(end - centre) / spread for end in ends])
        for key, (centre, spread) in centred.items()
    }
    measures["influence"] = _measure(table["influence"], *ends)
    measures["shrunk"] = _measure(by_bin(bins, "shrunk"))
    if weighted is not None:
        ends = [by_bin(weighted, column) for column in ("mass", "low", "high")]
        measures["mass"] = _measure(*ends)
    return {
        "key": name,
        "kind": "benchmark",
        **facts,
        "columns": {column: numbers(values) for column, values in table.items()},
        "p": numbers(by_bin(bins, "p_unusual")),
        "q": numbers(table["q_unusual"]),
        "found": numbers(by_bin(bins.with_columns(found=_unusual()), "found")),
        "measures": {key: part for key, part in measures.items() if part},
    }


def contrast_map(
    plan: Contrast, rows: pl.DataFrame, cells: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """One contrast's map.

    Args:
        plan: the contrast.
        rows: its rows of ``influence/contrasts``.
        cells: benchmark -> domain and title, for what the sides are called.
    """
    bins = rows.filter(axis="bin")
    ends = [by_bin(bins, column) for column in ("value", "ci_low", "ci_high")]
    ranked = bins.select("topic", "format", rank=pl.col("value").rank("min", descending=True))
    measure = _measure(*ends)
    for axis in ("topic", "format") if measure else ():
        part = rows.filter(axis=axis).sort(axis)
        columns = [part[column].to_list() for column in ("value", "ci_low", "ci_high")]
        measure["margins"][axis] = _margin(*columns)
        measure["margins"]["draws"] = "documents and questions"
    measures = {"gap": measure, "robust_gap": _measure(by_bin(bins, "robust_value"))}
    plus, minus = side_words(plan, cells)
    return {
        # A benchmark may be called like a contrast; none has a colon in its name.
        "key": f"contrast:{plan.name}",
        "kind": "contrast",
        "title": plan.title,
        "sides": [minus, plus],
        "confounded": bool(rows["confounded"].any()),
        "columns": {"rank": [r and int(r) for r in by_bin(ranked, "rank")]},
        "p": numbers(by_bin(bins, "p_value")),
        "q": numbers(by_bin(bins, "q_value")),
        "found": numbers(by_bin(bins.with_columns(found=_apart()), "found")),
        "measures": {key: part for key, part in measures.items() if part},
    }


def _unusual() -> pl.Expr:
    """True if a bin stands out from its map; null where it was not tested."""
    return pl.col("q_unusual") < SIGNIFICANT


def _apart() -> pl.Expr:
    """True if a bin separates the sides, as in the figure; null where it was not tested."""
    return pl.when(pl.col("q_value").is_not_null()).then(found())


def _measure(value: Any, low: Any = None, high: Any = None) -> dict[str, Any] | None:
    """Values with their interval and the means of topics and formats; None without any value."""
    known = _floats(value)
    if not np.isfinite(known).any():
        return None
    nothing = np.full(len(known), np.nan)
    ends = [nothing if end is None else _floats(end) for end in (low, high)]
    grid = known.reshape(len(TOPICS), len(FORMATS))
    return {
        "value": numbers(known.tolist()),
        "low": numbers(ends[0].tolist()),
        "high": numbers(ends[1].tolist()),
        "margins": {
            "topic": _margin(row_means(grid, axis=1).tolist()),
            "format": _margin(row_means(grid, axis=0).tolist()),
        },
    }


def _margin(value: list, low: list | None = None, high: list | None = None) -> dict[str, Any]:
    nothing = [None] * len(value)
    return {
        "value": numbers(value),
        "low": numbers(low or nothing),
        "high": numbers(high or nothing),
    }


def add_marginals(made: dict[str, Any], marginals: pl.DataFrame) -> None:
    """Give a benchmark's z the means, intervals and q of its rows of ``influence/marginals``.

    Where documents and questions gave no interval (an existing matrix), that over bins is taken,
    for all topics and formats alike; ``draws`` says which it is.

    Args:
        made: from :func:`benchmark_map`.
        marginals: the benchmark's rows; values in z.
    """
    if "z" not in made["measures"] or marginals.is_empty():
        return
    known_error = marginals["ci_low"].is_not_null().any()
    kind = "ci" if known_error else "bins"
    margins = made["measures"]["z"]["margins"]
    margins["draws"] = "documents and questions" if known_error else "the unit's bins"
    for axis, labels in (("topic", TOPICS), ("format", FORMATS)):
        wanted = axis, "z", f"{kind}_low", f"{kind}_high", "q_value"
        rows = marginals.filter(axis=axis).select(wanted)
        known = {label: values for label, *values in rows.iter_rows()}
        columns = zip(*(known.get(label, [None] * 4) for label in labels), strict=True)
        *margin, q = map(list, columns)
        margins[axis] = _margin(*margin) | {"q": numbers(q)}


def add_truth(made: dict[str, Any], truth: pl.DataFrame) -> None:
    """Give a benchmark's map the role and dose of every bin that is not neutral."""
    rows = truth.filter(pl.col("role") != "neutral")
    roles, doses = by_bin(rows, "role"), by_bin(rows, "dose")
    made["truth"] = {
        str(index): [role, doses[index]] for index, role in enumerate(roles) if role is not None
    }


def add_scales(maps: list[dict[str, Any]]) -> None:
    """Give every measure of every map the limits of its colours, shared where it compares."""
    for measure in MEASURES:
        having = [made["measures"][measure.key] for made in maps if measure.key in made["measures"]]
        grids = [_floats(part["value"]) for part in having]
        for part, grid in zip(having, grids, strict=True):
            scale = colour_scale(*(grids if measure.shared else [grid]))
            part["limit"] = _number(scale.limit)
            part |= number_format(scale.limit, measure.digits)
            part["beyond"] = int((np.abs(grid[np.isfinite(grid)]) > scale.limit).sum())


def bin_columns(summary: pl.DataFrame | None) -> dict[str, list]:
    """Columns of each bin that do not depend on the benchmark; empty without a corpus."""
    if summary is None:
        return {}
    present = [column for column in BIN_COLUMNS if column in summary.columns]
    return {column: numbers(by_bin(summary, column)) for column in present}


def _floats(values: Any) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    """Centre and spread of z; a map without spread has no z."""
    known = values[np.isfinite(values)]
    spread = float(known.std(ddof=1)) if known.size > 1 else 0.0
    return (float(known.mean()) if known.size else np.nan), spread or np.nan


def _median_and_mad(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return np.nan, np.nan
    centre = float(np.median(known))
    return centre, MAD_TO_SD * float(np.median(np.abs(known - centre))) or np.nan
