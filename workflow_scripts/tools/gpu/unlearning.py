"""A step of unlearning against the passes it needs, and questions a second."""

import statistics

import numpy as np
import polars as pl
import torch

from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.query_rows import collect_query_rows
from workflow_scripts.benchmarks.choice_margins import Questions
from workflow_scripts.common.random_streams import stream
from workflow_scripts.preflight.costs.model_work import FORWARD, FORWARD_BACKWARD
from workflow_scripts.tools.bench.clock import seconds_of
from workflow_scripts.tools.bench.measure_pass import SHAPES, random_model, random_shard
from workflow_scripts.tools.bench.measure_step import prepared, step_seconds
from workflow_scripts.tools.gpu.passes import DIM, SEED, active
from workflow_scripts.tools.gpu.rows import Options, Row, Rows, peak_gb, spread
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings

PART = "unlearning"
DOCUMENTS, LENGTH, STEPS = 8, 1024, 5
QUESTIONS, CHOICES, PROMPT, ANSWER = 400, 4, 80, 20


def random_questions(vocabulary: int, questions: int) -> pl.DataFrame:
    """Questions like those of ``benchmarks/queries``: 100 tokens with one of four answers."""
    rng = stream(0, "measured questions", vocabulary)
    prompts = rng.integers(1, vocabulary, (questions, PROMPT))
    answers = rng.integers(1, vocabulary, (questions, CHOICES, ANSWER))
    ids = [
        [[*prompt, *answer] for answer in choices]
        for prompt, choices in zip(prompts.tolist(), answers.tolist(), strict=True)
    ]
    return pl.DataFrame(
        {
            "gold": [0] * questions,
            "choices": [["an answer of its own"] * CHOICES] * questions,
            "choice_input_ids": ids,
            "choice_start": [[PROMPT] * CHOICES] * questions,
        }
    )


def questions_asked(options: Options, shape: str, model: torch.nn.Module) -> Rows:
    """Questions a second: margins (forward), and rows of the right answers (and backward)."""
    count, tokens = options.scaled(QUESTIONS, 8), options.tokens[0]
    frame = random_questions(SHAPES[shape][4], count)
    asked, engine = Questions(frame, "acc"), GradientEngine(model, DIM, SEED)
    kinds = (
        ("margins", FORWARD * CHOICES, lambda: asked.judge(model, tokens)),
        ("rows", FORWARD_BACKWARD, lambda: collect_query_rows(engine, frame, "gold", tokens)),
    )
    for name, cost, work in kinds:
        elapsed = seconds_of(work, options.device, repeats=1, warm=1)
        flop = cost * active(model) * count * (PROMPT + ANSWER) / elapsed
        note = f"{flop / 1e12:.3g} TFLOP/s"
        yield Row(PART, shape, f"questions: {name}", count / elapsed, "questions/s", note)


def steps(options: Options) -> Rows:
    """A step of NGDiff on LoRA adapters."""
    shape = options.step_shape
    model = random_model(shape, options.device, options.dtype)
    shard = random_shard(shape, 2 * DOCUMENTS)["input_ids"].list.head(LENGTH).to_list()
    tokens = [np.asarray(ids, np.int32) for ids in shard]
    forget, retain = tokens[:DOCUMENTS], tokens[DOCUMENTS:]
    forgetter = prepared(Adapter(model, AdapterSettings()), retain, STEPS, DOCUMENTS)
    # The first turn warms the allocator.
    turns = [step_seconds(forgetter, forget, retain, STEPS) for _ in range(options.repeats + 1)][1:]
    seconds = statistics.median(ours for _, ours in turns) / STEPS
    ratios = [ours / plain for plain, ours in turns]
    flop = FORWARD_BACKWARD * active(model) * sum(map(len, tokens)) / seconds
    setting = f"{shape}, {DOCUMENTS}+{DOCUMENTS} documents"
    note = f"{flop / 1e12:.3g} TFLOP/s by the plan's count"
    yield Row(PART, setting, "step", 1000 * seconds, "ms", note)
    ratio = statistics.median(ratios)
    yield Row(PART, setting, "step: ratio to its passes", ratio, "", spread(ratios))
    peak = peak_gb(options.device)
    if peak:
        yield Row(PART, setting, "step: peak memory", peak, "GB")


def rows(options: Options) -> Rows:
    """The step, then questions asked of both shapes."""
    yield from steps(options)
    for shape in dict.fromkeys((options.step_shape, options.shape)):
        model = random_model(shape, options.device, options.dtype)
        yield from questions_asked(options, shape, model)
        del model
