"""Made-up studies for the explorer: tables, the page as its rule writes it, its data."""

import json
import re

import numpy as np
import polars as pl

from tests.report.conftest import TITLES, make_bins, make_contrasts, make_marginals, make_truth
from tests.support import rule_call
from tests.validation.conftest import filled_columns
from workflow_scripts.common.files import write_json
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.influence.maps.natural_mass import weighted_table
from workflow_scripts.report.explorer.write_explorer import main

# Bins without documents, with few of them, and with near-duplicates.
EMPTY, THIN, ALIKE = (3, 100, 575), (7, 200), (11, 300)
KNOWN = [index for index in range(len(BINS)) if index not in EMPTY]
QUESTIONS = 30
CONTRACT = {
    "bins": 576,
    "covered_bins": len(KNOWN),
    "documents": 4584,
    "documents_available": 5088,
    "documents_per_bin": 8,
    "seed": 42,
    "short_bins": [{}] * 5,
}
RECORD = {"source": "trained", "path": "", "revision": "", "digest": "0123456789abcdef"}


def make_summary():
    """A table like ``corpus/bin_summary`` with the bins above."""
    rows = pl.DataFrame(BINS, schema=["topic", "format"], orient="row").with_row_index("bin")
    duplicated = pl.when(pl.col("bin").is_in(ALIKE)).then(0.8).otherwise(0.0)
    filled = ~pl.col("bin").is_in(EMPTY)
    return filled_columns(
        "corpus/bin_summary",
        rows.select(
            "topic",
            "format",
            n_sampled=pl.when(filled).then(8).otherwise(0),
            n_too_short=pl.lit(0),
            n_tokens=pl.when(filled).then(900).otherwise(0),
            weight=pl.lit(1 / len(BINS)),
            underfilled=pl.col("bin").is_in(THIN + EMPTY),
            near_duplicate_share=pl.when(filled).then(duplicated),
        ),
    )


def make_correlations():
    """A table like ``influence/correlations``."""
    names = list(TITLES)
    rng = stream(7, "correlations")
    rows = [
        {
            "benchmark_a": a,
            "benchmark_b": b,
            "cross_half": float(r) / 2,
            "ci_low": float(r) / 2 - 0.1,
            "ci_high": float(r) / 2 + 0.1,
            "ceiling": 0.6,
            "cross_half_spearman": float(r) / 2 - 0.01,
            "n_bins": 20,
            "n_splits": 99,
            "pearson": float(r),
            "spearman": float(r) - 0.01,
            "loo_low": float(r) - 0.02,
            "loo_high": float(r) + 0.02,
            "loo_topic": "health",
            "loo_format": "faq",
            "corrected": float(r) + 0.1,
            "p_value": 0.04,
            "shared_tasks": 0,
            "reason": None,
        }
        for (a, b), r in zip(
            [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]],
            rng.uniform(-0.5, 0.8, 6),
            strict=True,
        )
    ]
    return filled_columns("influence/correlations", pl.DataFrame(rows))


CELLS = {name: dict(zip(("domain", "capability"), name.split("_"), strict=True)) for name in TITLES}
# Settings that the front page gets.
TOLD = {"confidence": 0.95, "multiplicity": "bh", "matrix": False}


def make_study(folder):
    """Every table of a planted study of four benchmarks; returns the inputs of the rule."""
    bins, summary = make_bins(KNOWN), make_summary()
    made = {
        "bins": ("influence/bin_influence", bins),
        "marginals": ("influence/marginals", make_marginals(bins)),
        "weighted": ("influence/weighted", weighted_table(bins, summary)),
        "contrasts": ("influence/contrasts", make_contrasts(set(KNOWN))),
        "correlations": ("influence/correlations", make_correlations()),
        "summary": ("corpus/bin_summary", summary),
        "truth": ("corpus/truth", make_truth()),
    }
    inputs = {key: str(folder / f"{name}.parquet") for key, (name, _) in made.items()}
    for key, (name, frame) in made.items():
        write_table(frame, inputs[key], name)
    inputs |= {"contract": str(folder / "contract.json"), "record": str(folder / "model.json")}
    write_json(inputs["contract"], CONTRACT)
    write_json(inputs["record"], RECORD)
    answers = pl.DataFrame({"query_id": [f"q{i:02d}" for i in range(QUESTIONS)]})
    answers = answers.with_columns(correct=pl.Series(np.arange(QUESTIONS) % 10 != 0))
    queries = answers.select("query_id").with_columns(choices=pl.lit(["a", "b", "c", "d"]))
    for table, frame in (("answers", answers), ("queries", queries)):
        path = str(folder / f"{table}.parquet")
        write_table(filled_columns(f"benchmarks/{table}", frame), path, f"benchmarks/{table}")
        inputs[table] = [path] * len(TITLES)
    return inputs


def write_page_of(inputs, page, titles=None, study="made up", matrix=False):
    """The page as the rule writes it."""
    titles = TITLES if titles is None else titles
    if "cautions" not in inputs:
        inputs = inputs | {"cautions": str(page.with_name("cautions.json"))}
        write_json(inputs["cautions"], [])
    params = {"study": study, "benchmarks": list(titles), "titles": list(titles.values())}
    call = rule_call(
        "write_explorer",
        input=inputs,
        output={"page": page, "story": page.with_suffix(".rst")},
        params=params
        | {
            "cells": CELLS,
            "contrasts": None,
            "confidence": 0.95,
            "told": TOLD | {"matrix": matrix},
        },
    )
    main(call)
    return page


def data_of(page):
    """The data that a page holds."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="atlas-data">(.*?)</script>', text, re.DOTALL)[1])
