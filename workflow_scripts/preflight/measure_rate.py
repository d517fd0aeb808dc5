"""Measure the sustained rate of forward and backward of the study's model on this machine.

in   record: the model, where it is a pretrained one; a model trained here is built untrained,
     since its weights do not change the rate
out  rate: FLOP/s, tokens/s, device, precision, batch, peak memory
"""

import logging
import resource
import statistics
import time
from typing import Any

import torch

from workflow_scripts.common.files import write_json
from workflow_scripts.common.job import run_job
from workflow_scripts.model.loading import load_model
from workflow_scripts.preflight.costs.model_work import FORWARD_BACKWARD

logger = logging.getLogger("atlas")
BATCHES = 5


def dummy_batch(vocabulary: int, length: int, tokens_per_batch: int) -> torch.Tensor:
    """Token ids (n, length) int64, a fixed draw: as many documents as a batch holds."""
    generator = torch.Generator().manual_seed(0)
    rows = max(1, tokens_per_batch // length)
    return torch.randint(0, vocabulary, (rows, length), generator=generator)


def forward_backward(model: torch.nn.Module, ids: torch.Tensor) -> None:
    """Loss and gradient of the activations, weights frozen, as the document pass needs them."""
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), ids[:, 1:].flatten(), reduction="sum"
    )
    loss.backward()
    model.zero_grad()


def time_batches(model: torch.nn.Module, ids: torch.Tensor, batches: int) -> list[float]:
    """Seconds of each of so many batches, the first one left out."""
    seconds = []
    for turn in range(batches + 1):
        if ids.is_cuda:
            torch.cuda.synchronize()
        start = time.perf_counter()
        forward_backward(model, ids)
        if ids.is_cuda:
            torch.cuda.synchronize()
        if turn:
            seconds.append(time.perf_counter() - start)
    return seconds


def study_model(snakemake: Any) -> torch.nn.Module:
    """The study's model in its precision, with gradients of the activations alone."""
    params = snakemake.params
    if snakemake.input.get("record"):
        model = load_model(snakemake.input.record, params.precision, params.device)
    else:
        from workflow_scripts.model.architecture import build_model
        from workflow_scripts.model.training.train_task import split_settings

        architecture, _ = split_settings(params.train)
        model = build_model(architecture, params.vocabulary, 0)
        model = model.to(params.device, getattr(torch, params.precision)).eval()
    model.requires_grad_(False)
    model.get_input_embeddings().requires_grad_(True)
    return model


def main(snakemake: Any) -> None:
    """Measure and write."""
    params = snakemake.params
    torch.set_num_threads(snakemake.threads)
    model = study_model(snakemake)
    ids = dummy_batch(model.config.vocab_size, params.length, params.tokens_per_batch)
    ids = ids.to(model.device)
    seconds = statistics.median(time_batches(model, ids, BATCHES))
    flop = FORWARD_BACKWARD * params.active * ids.numel()
    peak = torch.cuda.max_memory_allocated() if ids.is_cuda else None
    record = {
        "flops": flop / seconds,
        "tokens_per_second": ids.numel() / seconds,
        "device": params.device,
        "name": torch.cuda.get_device_name() if ids.is_cuda else "cpu",
        "precision": params.precision,
        "batch": list(ids.shape),
        "seconds": seconds,
        "gpu_peak_gb": peak and peak / 1e9,
        "memory_peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    write_json(snakemake.output.rate, record)
    logger.info("%.4g TFLOP/s, %.0f tokens/s", flop / seconds / 1e12, ids.numel() / seconds)


if __name__ == "__main__":
    run_job(main, snakemake)
