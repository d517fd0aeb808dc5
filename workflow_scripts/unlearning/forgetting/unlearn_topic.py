"""Forget a topic's documents, one arm after another on one loaded model.

in   shards, sketches, scores, queries: documents, their base loss and influence, and the
     benchmark's questions; record: the base model; where an arm needs them: texts, and other
     (scores on another benchmark)
out  sets: which documents each arm forgets and all retain; history: losses and margin by step;
     run: settings, balance of the sets, how each arm ended; adapters: one file an arm
"""

import dataclasses
import logging
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from workflow_scripts.benchmarks.choice_margins import Questions
from workflow_scripts.common.files import read_json, write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table, write_table
from workflow_scripts.model.loading import load_model
from workflow_scripts.unlearning.arms import CONTROL, OTHER, RETAIN, SIMILAR
from workflow_scripts.unlearning.forgetting.adapter_files import write_adapters
from workflow_scripts.unlearning.forgetting.forgetting import Course, ForgetSettings, Forgetter
from workflow_scripts.unlearning.forgetting.methods import method_of
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings
from workflow_scripts.unlearning.selection.candidates import (
    read_documents,
    read_tokens,
    with_other_score,
    with_words,
)
from workflow_scripts.unlearning.selection.forget_sets import (
    SetSettings,
    balance,
    check_disjoint,
    control_set,
    forget_sets,
    retain_set,
)
from workflow_scripts.unlearning.selection.topics import resolve_topic

logger = logging.getLogger("atlas")

Sets = dict[str, pl.DataFrame]


def pick(kind: type, settings: dict[str, Any]) -> Any:
    """A settings object from those keys of a config section that it has."""
    names = {field.name for field in dataclasses.fields(kind)}
    chosen = {key: value for key, value in settings.items() if key in names}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in chosen.items()})


def set_table(sets: Sets) -> pl.DataFrame:
    """Rows of the table ``unlearning/sets``."""
    chosen_by = pl.DataFrame(schema={"score_other": pl.Float64, "words": pl.Float64})
    parts = [rows.with_columns(arm=pl.lit(arm)) for arm, rows in sets.items()]
    return pl.concat([*parts, chosen_by], how="diagonal_relaxed")


def history_table(courses: dict[str, Course]) -> pl.DataFrame:
    """Rows of the table ``unlearning/history``."""
    columns = ("forget_loss", "forget_rise", "retain_rise", "retain_batch_rise", "margin")
    rows = []
    for arm, course in courses.items():
        doses = {row["step"]: row["dose"] for row in course.saved}
        for row in course.history:
            rows.append(
                {"arm": arm, "step": row["step"], "dose": doses.get(row["step"])}
                | {column: _finite(row[column]) for column in columns}
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def arm_record(course: Course) -> dict[str, Any]:
    """Outcome of an arm, for ``run.json``."""
    kept = ("dose", "step", "forget_rise", "retain_rise", "margin")
    return {
        "state": course.state,
        "reason": course.reason,
        "steps": course.step,
        "base_forget_loss": course.base_loss,
        "base_retain_loss": course.base_retain,
        "doses": [{key: row[key] for key in kept} for row in course.saved],
    }


def choose(snakemake: Any, topic: str, settings: SetSettings) -> tuple[Sets, dict[str, Any]]:
    """The sets of the run and how alike they are."""
    source, params = snakemake.input, snakemake.params
    seed = int(params.seed_unlearning)
    if topic == CONTROL:
        documents = read_documents(source.shards, source.sketches)
        sets, report = {CONTROL: control_set(documents, settings, seed)}, {}
    else:
        documents = read_documents(source.shards, source.sketches, source.scores)
        own = documents.filter(topic=topic)
        if params.settings["ranking"] == "shuffled":
            own = shuffled(own, seed, topic)
        if OTHER in params.arms:
            own = with_other_score(own, source.other)
        if SIMILAR in params.arms:
            own = with_words(own, source.texts, source.queries)
        where = f"topic {topic!r} (benchmark {snakemake.wildcards.benchmark!r})"
        sets = forget_sets(own, settings, seed, where, params.arms)
        report = balance(sets, own, settings.max_difference)
    return with_retained(sets, documents, settings, seed), report


def shuffled(own: pl.DataFrame, seed: int, topic: str) -> pl.DataFrame:
    """The topic's documents with their scores permuted at random."""
    order = stream(seed, "shuffled ranking", topic).permutation(own.height)
    return own.with_columns(score=own["score"][order.tolist()])


def with_retained(sets: Sets, documents: pl.DataFrame, settings: SetSettings, seed: int) -> Sets:
    """The sets and what all of their arms retain."""
    forgotten = {doc_id for rows in sets.values() for doc_id in rows["doc_id"]}
    retained = retain_set(documents, forgotten, settings, seed)
    check_disjoint(retained, sets)
    return sets | {RETAIN: retained}


def drawn_questions(snakemake: Any) -> Questions:
    """The sample of the target's questions whose margin is measured on the way."""
    params = snakemake.params
    queries = read_table(snakemake.input.queries, "benchmarks/queries")
    drawn = stream(int(params.seed_unlearning), "margin questions").permutation(queries.height)
    chosen = np.sort(drawn[: params.settings["margin_questions"]]).tolist()
    return Questions(queries[chosen], params.metric)


def train_arms(snakemake: Any, topic: str, sets: Sets, report: dict[str, Any]) -> None:
    """Run every arm on one loaded model, and write everything.

    Args:
        snakemake: of the rule; its outputs are sets, history, run and one file an arm.
        topic: that is forgotten, or ``control``.
        sets: of every arm, and what they retain.
        report: how alike they are.
    """
    source, output, params = snakemake.input, snakemake.output, snakemake.params
    seed, settings = int(params.seed_unlearning), dict(params.settings)
    tokens = read_tokens(source.shards, [i for rows in sets.values() for i in rows["doc_id"]])
    model = load_model(source.record, params.precision, params.device)
    adapter = Adapter(model, pick(AdapterSettings, settings))

    def documents_of(arm: str) -> list[np.ndarray]:
        return [tokens[doc_id] for doc_id in sets[arm]["doc_id"]]

    questions = None if topic == CONTROL else drawn_questions(snakemake)

    def margin() -> float | None:
        if questions is None:
            return None
        return questions.mean_margin(adapter.causal_model(), params.tokens_per_batch)

    forgetter = Forgetter(
        adapter,
        method_of(settings["method"]),
        pick(ForgetSettings, settings | {"tokens_per_batch": params.tokens_per_batch}),
        documents_of(RETAIN),
        margin,
        seed,
        observed=questions.digest() if questions else "",
    )
    arms = [arm for arm in sets if arm != RETAIN]
    state = Path(params.state)
    courses = {arm: forgetter.run(documents_of(arm), state / f"{arm}.pt", arm) for arm in arms}
    about = {
        "base": read_json(source.record)["digest"],
        "adapter": dataclasses.asdict(adapter.settings),
        "target": CONTROL if topic == CONTROL else snakemake.wildcards.benchmark,
        "topic": topic,
        "seed": seed,
    }
    for arm, course in courses.items():
        by_dose = {row["dose"]: row["weights"] for row in course.saved}
        write_adapters(output[arm], by_dose, about | {"arm": arm})
    write_table(set_table(sets), output.sets, "unlearning/sets")
    write_table(history_table(courses), output.history, "unlearning/history")
    arm_records = {arm: arm_record(course) for arm, course in courses.items()}
    record = about | {"settings": settings, "balance": report, "arms": arm_records}
    write_json(output.run, record)
    shutil.rmtree(state, ignore_errors=True)


def topic_of(snakemake: Any) -> str:
    """Topic of the rule's slot or label, or ``control``."""
    if snakemake.params.topic == CONTROL:
        return CONTROL
    columns = ["topic", "format", "score"]
    scores = read_table(snakemake.input.scores, "attribution/scores", columns)
    return resolve_topic(snakemake.params.topic, scores)


def main(snakemake: Any) -> None:
    """Choose the sets and run the arms."""
    torch.set_num_threads(snakemake.threads)
    topic = topic_of(snakemake)
    sets, report = choose(snakemake, topic, pick(SetSettings, dict(snakemake.params.settings)))
    train_arms(snakemake, topic, sets, report)


if __name__ == "__main__":
    run_job(main, snakemake)
