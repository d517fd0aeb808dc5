"""Measure a step of unlearning against the two forward and backward passes it needs, in one run.

    python -m workflow_scripts.tools.bench.measure_step results/planted

The plain passes are those of a forget batch and a retain batch of the same documents through the
model with the same adapters: loss, gradient of the adapters, nothing else. A step of unlearning
also joins and clips the gradients, updates the weights, keeps the way back, and judges every step
on the whole forget set. The target's margin is left out: it is an observation, made as often as
the config asks. Results: seconds per step and their ratio.
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

import numpy as np
import torch

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import load_model
from workflow_scripts.model.losses import document_losses
from workflow_scripts.tools.bench.clock import now
from workflow_scripts.unlearning.forgetting.forgetting import ForgetSettings, Forgetter
from workflow_scripts.unlearning.forgetting.methods import method_of
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter, AdapterSettings


def plain_steps(
    adapter: Adapter, forget: list[np.ndarray], retain: list[np.ndarray], steps: int
) -> float:
    """Seconds of ``steps`` times two forward and backward passes."""
    model, weights = adapter.causal_model(), adapter.parameters()
    start = now(model.device)
    for _ in range(steps):
        for batch in (forget, retain):
            torch.autograd.grad(document_losses(model, batch).mean(), weights)
    return now(model.device) - start


def unlearning_steps(forgetter: Forgetter, forget: list[np.ndarray], steps: int) -> float:
    """Seconds of ``steps`` steps of unlearning, its preparation excluded."""
    run, device = forgetter.start(forget), forgetter.model.device
    start = now(device)
    while run.course.step < steps and not run.course.state:
        run.advance()
    assert run.course.step == steps, run.course.reason
    return now(device) - start


def prepared(adapter: Adapter, retain: list[np.ndarray], steps: int, documents: int) -> Forgetter:
    """Forgetter with NGDiff that neither reaches a dose nor collapses: steps are measured."""
    settings = ForgetSettings(
        (50.0,),
        learning_rate=1e-5,
        batch_documents=documents,
        margin_every=steps + 1,
        # The weights may be random, whose loss is that of a guess from the start.
        max_forget_share=10,
        max_retain_rise=10,
    )
    return Forgetter(adapter, method_of("ngdiff"), settings, retain, lambda: None, 0)


def step_seconds(
    forgetter: Forgetter, forget: list[np.ndarray], retain: list[np.ndarray], steps: int
) -> tuple[float, float]:
    """Seconds of the plain passes of ``steps`` steps, then of the steps themselves."""
    plain = plain_steps(forgetter.adapter, forget, retain, steps)
    return plain, unlearning_steps(forgetter, forget, steps)


def measure(results: Path, documents: int, steps: int, repeats: int, threads: int) -> list[float]:
    """Run both in turn and return their ratio for each turn."""
    torch.set_num_threads(threads)
    shard = read_table(results / "corpus/shards/s0000.parquet", "corpus/shards", ["input_ids"])
    tokens = [np.asarray(ids, np.int32) for ids in shard["input_ids"][: 2 * documents]]
    forget, retain = tokens[:documents], tokens[documents:]
    adapter = Adapter(load_model(results / "model/model.json"), AdapterSettings())
    forgetter = prepared(adapter, retain, steps, documents)
    ratios = []
    for turn in range(repeats + 1):
        plain, ours = step_seconds(forgetter, forget, retain, steps)
        if turn == 0:
            continue  # the first turn warms the allocator
        ratios.append(ours / plain)
        sys.stdout.write(
            f"plain {1000 * plain / steps:.1f} ms, unlearning {1000 * ours / steps:.1f} ms a step, "
            f"ratio {ours / plain:.3f}\n"
        )
    sys.stdout.write(
        f"{documents} + {documents} documents a step, {threads} threads, {os.cpu_count()} cores\n"
        f"ratio: median {statistics.median(ratios):.3f}, least {min(ratios):.3f}, "
        f"most {max(ratios):.3f} over {repeats} turns\n"
    )
    return ratios


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of a finished study, results/<study>")
    parser.add_argument("--documents", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if not (arguments.results / "model" / "model.json").is_file():
        sys.exit(
            f"measure_step: {arguments.results} holds no model/model.json; run the study first or "
            "name its results folder"
        )
    try:
        measure(
            arguments.results,
            arguments.documents,
            arguments.steps,
            arguments.repeats,
            arguments.threads,
        )
    except AtlasError as error:
        sys.exit(f"measure_step: {error}")


if __name__ == "__main__":
    main()
