"""The document pass and bergson's own build against plain forward and backward passes."""

import dataclasses
import statistics

import torch

from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.common.config.load import ROOT, load_study
from workflow_scripts.common.errors import first_line
from workflow_scripts.preflight.costs.model_shape import stated_shape
from workflow_scripts.preflight.costs.model_work import FORWARD_BACKWARD, pass_device_bytes
from workflow_scripts.preflight.costs.sizes import sizes_of
from workflow_scripts.tools.bench.measure_pass import (
    PASSES,
    SHAPES,
    passes,
    random_model,
    random_shard,
    turns,
)
from workflow_scripts.tools.gpu.card import matrix_rate
from workflow_scripts.tools.gpu.rows import Options, Row, Rows, spread

PART = "passes"
PRODUCT = "the matrix product"
DIM, SEED = 16, 42
ROW_DTYPE = "float16"
# The plan that the measured memory is compared with.
PLAN = ROOT / "configs" / "olmo3-7b.yaml"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One size of the passes: tokens of a batch and of a document, and projections."""

    tokens: int
    length: int
    projections: int = 1

    @property
    def setting(self) -> str:
        """The size in words."""
        return f"{self.length:,} a document, {self.tokens:,} a batch, n={self.projections}"


def active(model: torch.nn.Module) -> int:
    """Weights that a token is multiplied with: all but the input embedding."""
    return model.num_parameters() - model.get_input_embeddings().weight.numel()


def planned_peak(name: str, size: Cell) -> float:
    """GB that the plan says of the document pass of one shape."""
    hidden, layers, _, inner, vocabulary, *_ = SHAPES[name]
    parameters = random_model(name, "meta", torch.bfloat16).num_parameters()
    config = load_study(PLAN)
    config["attribution"] |= {
        "tokens_per_batch": size.tokens,
        "projections": size.projections,
        "projection_dim": DIM,
        "row_dtype": ROW_DTYPE,
    }
    shape = stated_shape(parameters, layers, hidden, inner, vocabulary)
    return pass_device_bytes(dataclasses.replace(sizes_of(config), shape=shape)) / 1e9


def cell(options: Options, model: torch.nn.Module, size: Cell, best: float) -> Rows:
    """The three passes over the same documents, turn by turn; ``best`` is the ceiling, FLOP/s."""
    documents = max(1, options.batches * size.tokens // size.length)
    engine = GradientEngine(model, DIM, SEED, size.projections)
    shard = random_shard(options.shape, documents, size.length)
    found = turns(passes(engine, shard, ROW_DTYPE, size.tokens), model.device, options.repeats)
    read, flop = documents * size.length, FORWARD_BACKWARD * active(model)
    for name in PASSES:
        elapsed = statistics.median(seconds for seconds, _ in found[name])
        pairs = zip(found[name], found["plain"], strict=True)
        ratios = [ours[0] / plain[0] for ours, plain in pairs]
        rate = read / elapsed
        shown = (
            ("ratio to plain", statistics.median(ratios), "", spread(ratios)),
            ("rate", rate, "tokens/s", f"{elapsed:.2f} s"),
            ("arithmetic", flop * rate / 1e12, "TFLOP/s", f"{flop * rate / best:.1%} of {PRODUCT}"),
            ("peak memory", max(memory for _, memory in found[name]), "GB", ""),
        )
        for what, value, unit, note in shown:
            if value or what != "peak memory":
                yield Row(PART, size.setting, f"{name}: {what}", value, unit, note)


def cell_or_reason(options: Options, model: torch.nn.Module, size: Cell, best: float) -> Rows:
    """The rows of a cell; where the card's memory is too small, that, and the plan's memory."""
    try:
        yield from cell(options, model, size, best)
    except torch.OutOfMemoryError as error:
        reason = f"out of memory: {first_line(error)[:80]}"
        yield Row(PART, size.setting, "all passes", None, "", reason)
    if options.on_gpu:
        torch.cuda.empty_cache()
        planned = planned_peak(options.shape, size)
        yield Row(PART, size.setting, "document pass: planned memory", planned, "GB")


def rows(options: Options) -> Rows:
    """Every length with every size of batch, then two projections at the first of both."""
    best = matrix_rate(options)
    model = random_model(options.shape, options.device, options.dtype)
    cells = [Cell(tokens, length) for tokens in options.tokens for length in options.lengths]
    for size in (*cells, Cell(options.tokens[0], options.lengths[0], 2)):
        yield from cell_or_reason(options, model, size, best)
