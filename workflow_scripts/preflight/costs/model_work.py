"""Arithmetic and memory of passes through the model.

A token costs 2 N FLOP forward and, with frozen weights, 2 N backward to the activations (N: the
weights that a token is multiplied with). Nothing that a gradient method does can be below that;
what the document pass adds was measured against it. What is said of a GPU was measured on one
NVIDIA H200 in bfloat16 with random weights of the shapes of Olmo 3 7B and of a model of 1.5 billion
parameters (make bench-gpu, docs/costs.md).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.common.files import read_json
from workflow_scripts.corpus.sources.sources import resolve
from workflow_scripts.model.weights import loaded_weights
from workflow_scripts.preflight.costs.sizes import BYTES, Sizes

FORWARD = 2
FORWARD_BACKWARD = 4
TRAINING = 6
# Document pass against a plain forward and backward of frozen weights: on an H200 1.05 to 1.11 at
# the 7B shape; on a processor more, where the model is small (docs/validation.md, make bench).
PASS_RATIO, CPU_PASS_RATIO = 1.1, 1.15
# Cost of each further projection of p = 16: on an H200 1.14 with two against 1.08 with one;
# on a processor in the planted study's shape 1.16, 1.27 and 1.42 with 1, 2 and 4.
FURTHER_PROJECTION, CPU_FURTHER_PROJECTION = 0.07, 0.1
# Shares of the rate. Questions asked through the evaluation harness are short and go in small
# batches: assumed for a GPU, where the harness was not measured; measured on a processor.
HARNESS_RATE, CPU_HARNESS_RATE = 0.25, 0.6
# Rows of questions: on an H200 0.6 at the 1B shape and 0.92 at the 7B shape, on a processor 0.6.
QUESTION_ROW_RATE = 0.6
# Steps of unlearning with LoRA: on an H200 146 of 310 TFLOP/s at the 1B shape, whose adapters take
# their inputs in float32. A 7B was not measured; a processor in float32 loses nothing.
STEP_RATE = 0.47
# Sustained rates where the config states none and none was measured, FLOP/s: one thread of a
# processor in float32, an H200 in bfloat16 (plain passes at the 7B shape: 297 to 318).
CPU_RATE, GPU_RATE = 0.03e12, 310e12
# A GPU's other precisions in units of that, not measured: tf32 has tensor cores of half the rate,
# float32 none.
GPU_PRECISIONS = {"bfloat16": 1.0, "tf32": 0.4, "float32": 0.125}

# Kept per token for the backward pass of frozen weights, without checkpointing, in units of the
# activations' bytes: queries, keys, values and output of the attention, inputs of four norms in
# float32 (12, and some room), and the MLP's gate, its activation and up. With the logits 6.8 MB a
# token at the 7B shape in bfloat16; an H200 held 6.1.
HIDDEN_KEPT = 14
INTERMEDIATE_KEPT = 3
# Logits in the model's precision, in float32, and their gradient.
LOGIT_BYTES = 10
# LoRA also keeps the input of every linear layer, in float32: at the 1B shape 41 GB by this where
# an H200 held 36.6.
LORA_KEPT = 1.7
# A training keeps the inputs of all layers and norms (held against a peak on a processor).
TRAINING_KEPT = 2
# Batches are made of documents of like length; the fullest holds the short ones.
SHORT = 50
# Float32 rows of one batch are held below this by the engine.
ROW_BYTES = 2**28


def rate(config: Mapping[str, Any]) -> float:
    """Sustained FLOP/s of one device in forward and backward: stated, measured, or assumed."""
    stated = config["hardware"]["tflops"]
    if stated:
        return stated * 1e12
    measured = measured_rate(config)
    if measured:
        return measured["flops"]
    model = config["model"]
    return CPU_RATE if model["device"] == "cpu" else GPU_RATE * GPU_PRECISIONS[model["precision"]]


def rate_path(config: Mapping[str, Any]) -> Path:
    """Path of the measured rate of a study."""
    return Path("results") / config["study"] / "preflight" / "rate.json"


def measured_rate(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Result of ``snakemake measure_rate`` for this device and precision, or None."""
    path, model = rate_path(config), config["model"]
    if not path.is_file():
        return None
    record = read_json(path)
    same = record["device"] == model["device"] and record["precision"] == model["precision"]
    return record if same else None


def pass_ratio(sizes: Sizes) -> float:
    """Document pass in units of the plain forward and backward, with the study's projections."""
    first, further = (
        (PASS_RATIO, FURTHER_PROJECTION)
        if sizes.on_gpu
        else (CPU_PASS_RATIO, CPU_FURTHER_PROJECTION)
    )
    return first + further * (sizes.projections - 1)


def pass_seconds(sizes: Sizes, tokens: float, precision: str | None = None) -> float:
    """Device seconds of gradients of ``tokens`` tokens of documents."""
    work = FORWARD_BACKWARD * pass_ratio(sizes) * sizes.shape.active * tokens
    return work / (rate(sizes.config) * _slowdown(sizes, precision))


def encoder_parameters(sizes: Sizes) -> float:
    """Weights of the model that embeds texts: the study's, or at most those in another's files."""
    path = sizes.config["validation"]["embedding"]["path"]
    if not path:
        return sizes.shape.parameters
    folder = Path(resolve(path, sizes.config["data"]))
    if not folder.is_dir():
        return 0
    # A weight has at least two bytes.
    return (
        sum(file.stat().st_size for file in loaded_weights(folder, "validation.embedding.path")) / 2
    )


def forward_seconds(sizes: Sizes, tokens: float) -> float:
    """Device seconds of the hidden states of ``tokens`` tokens of documents."""
    precision = "float32" if sizes.config["validation"]["embedding"]["path"] else None
    work = FORWARD * encoder_parameters(sizes) * tokens
    return work / (rate(sizes.config) * _slowdown(sizes, precision))


def embedding_device_bytes(sizes: Sizes) -> float:
    """Bytes of the model that embeds texts, and of a batch of them, one layer at a time."""
    other = bool(sizes.config["validation"]["embedding"]["path"])
    weights = 4 * encoder_parameters(sizes) if other else sizes.weight_bytes
    tokens = sizes.config["attribution"]["tokens_per_batch"]
    hidden = HIDDEN_KEPT * sizes.shape.hidden + INTERMEDIATE_KEPT * sizes.shape.intermediate
    return weights + 4 * tokens * hidden


def question_seconds(sizes: Sizes, questions: float, answers: int) -> float:
    """Device seconds of ``questions`` questions, each with so many answers, through the harness."""
    tokens = questions * answers * sizes.question_tokens
    share = HARNESS_RATE if sizes.on_gpu else CPU_HARNESS_RATE
    return FORWARD * sizes.shape.active * tokens / (rate(sizes.config) * share)


def question_row_seconds(sizes: Sizes, questions: float) -> float:
    """Device seconds of gradients of ``questions`` questions, each with one answer."""
    work = FORWARD_BACKWARD * sizes.shape.active * questions * sizes.question_tokens
    return work / (rate(sizes.config) * QUESTION_ROW_RATE)


def unlearning_seconds(sizes: Sizes, arms: int, steps: int | None = None) -> float:
    """Device seconds of an unlearning run.

    Args:
        sizes: of the study.
        arms: how many are trained.
        steps: that an arm takes; all it may without.
    """
    settings, length = sizes.config["unlearning"], sizes.mean_tokens
    batch = min(settings["batch_documents"], settings["documents"])
    step = 2 * FORWARD_BACKWARD * batch * length
    if settings["documents"] > batch:
        step += FORWARD * settings["documents"] * length / settings["measure_every"]
    questions = settings["margin_questions"] * 4 * sizes.question_tokens
    step += FORWARD * questions / settings["margin_every"]
    retain = FORWARD * settings["retain_documents"] * length * (1 + sizes.doses)
    tokens = arms * ((steps or settings["max_steps"]) * step + retain)
    share = STEP_RATE if sizes.on_gpu else 1
    return sizes.shape.active * tokens / (rate(sizes.config) * share)


def activation_bytes(
    sizes: Sizes, tokens: float, precision: str | None = None, layers: int | None = None
) -> float:
    """Bytes that a pass over one batch of ``tokens`` tokens holds.

    Args:
        sizes: of the study.
        tokens: padded tokens of the batch.
        precision: of the activations; that of the study without.
        layers: how many are held at the same time: all of them for a backward pass, without.
    """
    shape = sizes.shape
    size = BYTES[precision or sizes.config["model"]["precision"]]
    layer = HIDDEN_KEPT * shape.hidden + INTERMEDIATE_KEPT * shape.intermediate
    held = size * (layers or shape.layers) * layer
    return tokens * (held + LOGIT_BYTES * shape.vocabulary)


def batch_row_bytes(sizes: Sizes) -> float:
    """Bytes of the projected rows of one batch: raw, whitened, stored, and the three variants."""
    rows = sizes.config["attribution"]["tokens_per_batch"] / min(SHORT, sizes.mean_tokens)
    return 6 * min(4 * min(rows, sizes.documents) * sizes.width, ROW_BYTES)


def pass_device_bytes(sizes: Sizes, precision: str | None = None) -> float:
    """Bytes of the document pass where the model is: weights, activations, rows and roots.

    Args:
        sizes: of the study.
        precision: of the weights; that of the study without.
    """
    precision = precision or sizes.config["model"]["precision"]
    weights = sizes.shape.parameters * BYTES[precision]
    tokens = sizes.config["attribution"]["tokens_per_batch"]
    activations = activation_bytes(sizes, tokens, precision)
    return weights + activations + batch_row_bytes(sizes) + roots_bytes(sizes)


def gate_device_bytes(sizes: Sizes) -> float:
    """Bytes while rows are recomputed in float32; 0 where the pass is float32 itself."""
    if sizes.config["model"]["precision"] == "float32":
        return 0
    longest = sizes.config["corpus"]["max_tokens"]
    return 4 * sizes.shape.parameters + activation_bytes(sizes, longest, "float32")


def unlearning_device_bytes(sizes: Sizes) -> float:
    """Bytes of an unlearning run where the model is: a batch of the longest documents."""
    settings = sizes.config["unlearning"]
    batch = min(settings["batch_documents"], max(settings["documents"], 1))
    tokens = batch * sizes.config["corpus"]["max_tokens"]
    # Weights, two gradients, two moments, the anchor and the start of what is trained.
    trained = 7 * sizes.adapter_bytes
    measured = settings["margin_questions"] and LOGIT_BYTES * sizes.shape.vocabulary
    scored = measured * sizes.config["attribution"]["tokens_per_batch"]
    held = max(LORA_KEPT * activation_bytes(sizes, tokens), scored)
    return sizes.weight_bytes + trained + held


def roots_bytes(sizes: Sizes) -> int:
    """Bytes of one set of second moments or roots, float32."""
    return 4 * sizes.projections * sizes.shape.modules * sizes.block**2


def _slowdown(sizes: Sizes, precision: str | None) -> float:
    """Rate in this precision, in units of the rate in that of the study."""
    if precision is None or not sizes.on_gpu:
        return 1.0
    return GPU_PRECISIONS[precision] / GPU_PRECISIONS[sizes.config["model"]["precision"]]


def load_seconds(sizes: Sizes) -> float:
    """Seconds to read the weights at 1 GB/s."""
    return sizes.weight_bytes / 1e9
