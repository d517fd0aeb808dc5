"""The document pass and bergson's own build against plain forward and backward passes."""

import dataclasses
import statistics

import torch

from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.measure_pass import (
    PASSES,
    SHAPES,
    passes,
    random_model,
    random_shard,
    turns,
)
from workflow_scripts.common.config import ROOT, load_study
from workflow_scripts.preflight.model_work import FORWARD_BACKWARD, pass_device_bytes
from workflow_scripts.preflight.shape import stated_shape
from workflow_scripts.preflight.sizes import sizes_of
from workflow_scripts.tools.gpu.card import matrix_rate
from workflow_scripts.tools.gpu.rows import Options, Row, Rows

PART = "pass"
DIM, SEED = 16, 42
ROW_DTYPE = "float16"
# The plan that the measured memory is compared with.
PLAN = ROOT / "configs" / "olmo3-7b.yaml"


def active(model: torch.nn.Module) -> int:
    """Weights that a token is multiplied with: all but the input embedding."""
    return model.num_parameters() - model.get_input_embeddings().weight.numel()


def planned_peak(name: str, tokens: int, projections: int) -> float:
    """GB that the plan says of the document pass of one shape."""
    hidden, layers, _, inner, vocabulary, *_ = SHAPES[name]
    with torch.device("meta"):
        parameters = random_model(name, "meta", torch.bfloat16).num_parameters()
    config = load_study(PLAN)
    config["attribution"] |= {
        "tokens_per_batch": tokens,
        "projections": projections,
        "projection_dim": DIM,
        "row_dtype": ROW_DTYPE,
    }
    shape = stated_shape(parameters, layers, hidden, inner, vocabulary)
    return pass_device_bytes(dataclasses.replace(sizes_of(config), shape=shape)) / 1e9


def cell(
    options: Options,
    model: torch.nn.Module,
    tokens: int,
    length: int,
    projections: int,
    best: float,
) -> Rows:
    """The three passes over the same documents, turn by turn."""
    documents = max(1, options.batches * tokens // length)
    setting = f"{length:,} a document, {tokens:,} a batch, n={projections}"
    engine = GradientEngine(model, DIM, SEED, projections)
    work = passes(engine, random_shard(options.shape, documents, length), ROW_DTYPE, tokens)
    found = turns(work, model.device, options.repeats)
    read, flop = documents * length, FORWARD_BACKWARD * active(model)
    for name in PASSES:
        elapsed = statistics.median(seconds for seconds, _ in found[name])
        pairs = zip(found[name], found["plain"], strict=True)
        ratios = [ours[0] / plain[0] for ours, plain in pairs]
        rate = read / elapsed
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        yield Row(PART, setting, f"{name}: ratio to plain", statistics.median(ratios), "", spread)
        yield Row(PART, setting, f"{name}: rate", rate, "tokens/s", f"{elapsed:.2f} s")
        share = f"{flop * rate / best:.1%} of the matrix product"
        yield Row(PART, setting, f"{name}: arithmetic", flop * rate / 1e12, "TFLOP/s", share)
        peak = max(memory for _, memory in found[name])
        if peak:
            yield Row(PART, setting, f"{name}: peak memory", peak, "GB")


def rows(options: Options) -> Rows:
    """Every length with every size of batch, then two projections at the first of both."""
    best = matrix_rate(options)
    model = random_model(options.shape, options.device, options.dtype)
    cells = [(tokens, length, 1) for tokens in options.tokens for length in options.lengths]
    for tokens, length, projections in [*cells, (options.tokens[0], options.lengths[0], 2)]:
        yield from _cell_or_reason(options, model, tokens, length, projections, best)
        if options.on_gpu:
            planned = planned_peak(options.shape, tokens, projections)
            setting = f"{length:,} a document, {tokens:,} a batch, n={projections}"
            yield Row(PART, setting, "document pass: planned memory", planned, "GB")


def _cell_or_reason(options: Options, model: torch.nn.Module, *size: int | float) -> Rows:
    """The rows of a cell; where the card's memory is too small, that."""
    try:
        yield from cell(options, model, *size)
    except torch.OutOfMemoryError as error:
        setting = f"{size[1]:,} a document, {size[0]:,} a batch, n={size[2]}"
        yield Row(PART, setting, "all passes", None, "", f"out of memory: {str(error)[:60]}")
    if options.on_gpu:
        torch.cuda.empty_cache()
