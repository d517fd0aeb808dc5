"""Registration of the primary test of forgetting, and whether it precedes the first answer.

Every evaluation of an adapter writes down the digest of the registration under which it was first
made, also where it is made again (for a new seed, say), as long as the study keeps its ``.state``,
and a registration that is changed later makes no evaluation again: made again they would all carry
the new digest, and nobody could see that it came after the results. So a change costs nothing on a
cluster and stays visible: the tests compare the digest of today with those in the evaluations that
they rest on. Topics and seeds belong to it, because adding some after a look at the result is a way
to choose it.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from workflow_scripts.common.files import atomic_path, value_digest
from workflow_scripts.unlearning.effects.pairs import CROSS_FITTED, PRIMARY, shown_dose

# Time of the registration of the primary test, relative to the first evaluation.
BEFORE, AFTER, EXPLORATORY = "before", "after", "exploratory"
SHORT = 12


def registration_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The registration of a study, its defaults filled in.

    Args:
        config: complete configuration; its key ``unlearning.registration`` names the rest.

    Returns:
        benchmarks, contrast, measure, dose (0: by the rule of ``shown_dose``), doses, test, topics,
        seeds, cross_fit.
    """
    settings = config["unlearning"]
    named = settings["registration"]
    return {
        "benchmarks": named["benchmarks"] or settings["benchmarks"],
        "contrast": named["contrast"],
        "measure": named["measure"],
        "dose": float(named["dose"]),
        "doses": settings["doses"],
        "test": named["test"],
        "topics": settings["topics"],
        "seeds": config["seeds"]["unlearning"],
        "cross_fit": settings["cross_fit"],
    }


def registration_digest(registration: Mapping[str, Any]) -> str:
    """Short digest of a registration."""
    return value_digest(dict(registration))[:SHORT]


def first_digest(place: str | os.PathLike, today: str) -> str:
    """Digest under which an evaluation was first made: what ``place`` says, else today's."""
    path = Path(place)
    return path.read_text().strip() if path.exists() else today


def keep_first(place: str | os.PathLike, digest: str) -> None:
    """Note the digest of a finished evaluation, for when it is made again."""
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(place) as temporary:
        Path(temporary).write_text(f"{digest}\n")


def with_primary(
    tests: pl.DataFrame, registration: Mapping[str, Any], recorded: Mapping[str, Iterable[str]]
) -> pl.DataFrame:
    """Add ``primary`` and ``registered`` to the tests.

    A primary test is of a registered benchmark on itself, of the registered contrast, measure and
    dose, over matched pairs where the contrast has them. Where a benchmark is cross-fitted, its
    cross-fitted difference takes the place of targeted less random.

    Args:
        tests: rows of the table ``unlearning/tests``.
        registration: from :func:`registration_of`.
        recorded: target benchmark -> digests that the evaluations on itself carry.
    """
    named = tests.filter(contrast=registration["contrast"])["pairs"]
    pairs = "matched" if "matched" in named else "all"
    crossed = tests.filter(contrast=CROSS_FITTED)["target"].unique().to_list()
    if registration["contrast"] != PRIMARY:
        crossed = []
    contrast = (
        pl.when(pl.col("target").is_in(crossed))
        .then(pl.lit(CROSS_FITTED))
        .otherwise(pl.lit(registration["contrast"]))
    )
    dose = registration["dose"] or shown_dose(tests)
    primary = (
        pl.col("target").is_in(registration["benchmarks"])
        & (pl.col("target") == pl.col("evaluated"))
        & (pl.col("contrast") == contrast)
        & (pl.col("pairs") == pairs)
        & (pl.col("measure") == registration["measure"])
        & ((pl.col("dose") - dose).abs() < 1e-9)
    )
    today = registration_digest(registration)
    late = [name for name, digests in recorded.items() if set(digests) != {today}]
    registered = (
        pl.when(~primary)
        .then(pl.lit(EXPLORATORY))
        .when(pl.col("target").is_in(late))
        .then(pl.lit(AFTER))
        .otherwise(pl.lit(BEFORE))
    )
    return tests.with_columns(primary=primary, registered=registered)
