"""Advice on keys that make a job small or short enough, each tried on the plan first."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workflow_scripts.preflight.costs.resources import (
    DEMANDS,
    START_MINUTES,
    jobs_of,
    memory_mb,
    minutes,
)
from workflow_scripts.preflight.costs.sizes import Sizes, sizes_of
from workflow_scripts.validation.scorers import LISTED, that_need

# Advice: what to do, and by dotted key how far it can be taken.
Advice = tuple[str, Mapping[str, Any]]
Amount = Callable[[Sizes, str, str], float]
# As many jobs as anybody cuts a stage into.
MANY = 10_000
# Scorers that hold the texts in memory, and those that do not.
OF_TEXTS = that_need("texts")
LIGHT = {"validation.scorers": [name for name in LISTED if name not in OF_TEXTS]}
NOT_TEXTS = LIGHT | {"validation.leakage_ngram": 0}
FEWER_DOCUMENTS = ("lower 'corpus.documents_per_bin'", {"corpus.documents_per_bin": 1})
FEWER_STEPS = (
    "lower 'unlearning.max_steps' or 'unlearning.documents'",
    {"unlearning.max_steps": 1, "unlearning.documents": 2},
)
NO_UNTRAINED = ("set 'validation.untrained' to false", {"validation.untrained": False})
MORE_PARTS = ("raise 'corpus.parts'", {"corpus.parts": MANY})
FEWER_ADAPTERS = (
    "lower 'unlearning.rank' or name fewer 'unlearning.doses'",
    {"unlearning.rank": 1, "unlearning.doses": [1.0]},
)
SHORTER_ROWS = (
    "lower 'attribution.projection_dim' or 'corpus.folds'",
    {"attribution.projection_dim": 2, "corpus.folds": 2},
)
# Change tried first for a rule's memory; then the keys of the model and the working set.
MEMORY: dict[str, Advice] = {
    "index_documents": MORE_PARTS,
    "sample_bins": (
        "raise 'corpus.parts' or lower 'corpus.documents_per_bin'",
        {"corpus.parts": MANY, "corpus.documents_per_bin": 1},
    ),
    "collect_documents": MORE_PARTS,
    "tokenize_shard": (
        "raise 'corpus.parts' and 'corpus.shards'",
        {"corpus.parts": MANY, "corpus.shards": MANY},
    ),
    "attribute_documents": ("raise 'corpus.shards'", {"corpus.shards": MANY}),
    "score_texts": (
        f"take {', '.join(OF_TEXTS[:-1])} and {OF_TEXTS[-1]} out of 'validation.scorers'",
        LIGHT,
    ),
    "attribute_untrained": NO_UNTRAINED,
    "evaluate_unlearned": FEWER_ADAPTERS,
    "evaluate_control": FEWER_ADAPTERS,
}
OF_ROWS = ("influence", "validation", "attribution")


def less_memory(sizes: Sizes, rule: str) -> str:
    """Advice that makes a rule's job fit into ``hardware.memory_gb``."""
    limit = 1000 * sizes.config["hardware"]["memory_gb"]
    found = _first_that_helps(sizes, rule, memory_mb, limit, _of_memory(sizes, rule))
    if found:
        return found
    need = _largest(sizes, rule, memory_mb) / 1000
    machine = f"use a machine whose jobs may have {math.ceil(10 * need) / 10:,g} GB"
    weights = DEMANDS[rule].loads(sizes, "") / 1e9 if DEMANDS[rule].device else 0
    if weights > need / 3:
        return (
            f"the weights of the model take {size(weights)} of it, and no other key makes up for "
            f"them: {machine}, or a model with fewer parameters"
        )
    return f"no key makes it fit: {machine}"


def less_time(sizes: Sizes, rule: str) -> str:
    """Advice that makes a rule's job as short as ``hardware.job_hours``."""
    limit = 60 * sizes.config["hardware"]["job_hours"]
    found = _first_that_helps(sizes, rule, minutes, limit, _of_time(sizes, rule))
    if found:
        return found
    need = _largest(sizes, rule, minutes) / 60
    return (
        f"no key makes it short enough (a job asks for {START_MINUTES} minutes to start, and twice "
        f"the time it is expected to take): let a job take {math.ceil(10 * need) / 10:,g} hours"
    )


def size(gigabytes: float) -> str:
    """A size for people with its unit: 661 GB, 2.1 GB, 35 MB."""
    if gigabytes >= 0.1:
        return f"{gigabytes:,.{0 if gigabytes >= 10 else 1}f} GB"
    return f"{max(1, round(1000 * gigabytes))} MB" if gigabytes else "0 MB"


def _of_memory(sizes: Sizes, rule: str) -> Iterator[Advice]:
    """Candidate changes that lower a rule's memory, the mildest first."""
    model = sizes.config["model"]
    if rule in MEMORY:
        yield MEMORY[rule]
    if DEMANDS[rule].device and model["precision"] != "bfloat16":
        yield "set 'model.precision' to bfloat16", {"model.precision": "bfloat16"}
    if DEMANDS[rule].stage in OF_ROWS:
        yield SHORTER_ROWS
    if DEMANDS[rule].device and not sizes.on_gpu:
        yield "lower 'attribution.tokens_per_batch'", {"attribution.tokens_per_batch": 64}
        if DEMANDS[rule].stage == "unlearning":
            yield "lower 'unlearning.batch_documents'", {"unlearning.batch_documents": 1}
    yield FEWER_DOCUMENTS


def _of_time(sizes: Sizes, rule: str) -> Iterator[Advice]:
    """Candidate changes that shorten a rule's job, the mildest first."""
    cut = {"index_documents": "parts", "collect_documents": "parts", "tokenize_shard": "shards"}
    if key := (cut | {"attribute_documents": "shards"}).get(rule):
        times = _largest(sizes, rule, minutes) / 60 / sizes.config["hardware"]["job_hours"]
        more = int(sizes.config["corpus"][key] * times) + 1
        for pieces in (more, 2 * more, 4 * more):
            yield f"raise 'corpus.{key}' to {pieces}", {f"corpus.{key}": pieces}
    keys: dict[str, Advice] = {
        "fit_preconditioner": (
            "lower 'attribution.preconditioner_documents'",
            {"attribution.preconditioner_documents": 1},
        ),
        "unlearn_topic": FEWER_STEPS,
        "unlearn_control": FEWER_STEPS,
        "evaluate_unlearned": (
            "name fewer 'seeds.unlearning' or 'unlearning.doses'",
            {"seeds.unlearning": [0], "unlearning.doses": [1.0]},
        ),
        "attribute_untrained": NO_UNTRAINED,
        "score_texts": (_fewer_scorers(sizes), NOT_TEXTS),
        "train_model": ("lower 'model.train.passes'", {"model.train.passes": 1}),
    }
    if rule in keys:
        yield keys[rule]
    yield FEWER_DOCUMENTS


def _fewer_scorers(sizes: Sizes) -> str:
    """Keys that take the largest part of the texts' job."""
    heavy = [name for name in OF_TEXTS if name in sizes.config["validation"]["scorers"]]
    if heavy:
        return f"take {' and '.join(heavy)} out of 'validation.scorers'"
    return "set 'validation.leakage_ngram' to 0"


def _first_that_helps(
    sizes: Sizes, rule: str, amount: Amount, limit: float, advice: Iterator[Advice]
) -> str | None:
    """The first advice which, taken as far as it goes, brings a rule's largest job to the limit."""
    for text, changes in advice:
        config = copy.deepcopy(dict(sizes.config))
        for key, value in changes.items():
            *sections, name = key.split(".")
            inner = config
            for section in sections:
                inner = inner[section]
            inner[name] = value
        if _largest(sizes_of(config), rule, amount) <= limit:
            return text
    return None


def _largest(sizes: Sizes, rule: str, amount: Amount) -> float:
    return max((amount(sizes, rule, name) for name in jobs_of(sizes, rule)), default=0)
