"""Measure the document pass against the plain forward and backward it needs, in one run.

    python -m workflow_scripts.attribution.measure_pass results/planted

Both run over the same documents of one shard in the same batches, turn by turn, imports and
model loading excluded. The plain pass has frozen weights and gradients of the activations only,
which is the least any gradient method must do. The document pass whitens, normalises, sums three
sketches, and writes rows and sketch to disk. Results: seconds per pass and their ratio.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from bergson.data import allocate_batches

from workflow_scripts.attribution import preconditioner
from workflow_scripts.attribution.bergson_adapter import GradientEngine
from workflow_scripts.attribution.documents import PassSettings, RowFile, attribute
from workflow_scripts.attribution.sketch import write_sketch
from workflow_scripts.common.files import read_json
from workflow_scripts.common.tables import read_table
from workflow_scripts.model.loading import load_model


def plain_pass(
    model: torch.nn.Module, documents: Sequence[Sequence[int]], tokens_per_batch: int
) -> None:
    """Forward and backward over all documents with frozen weights."""
    for batch in allocate_batches([len(ids) for ids in documents], tokens_per_batch):
        longest = max(len(documents[index]) for index in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        labels = torch.full((len(batch), longest), -100)
        for row, index in enumerate(batch):
            tokens = torch.tensor(documents[index])
            ids[row, : len(tokens)] = labels[row, : len(tokens)] = tokens
        logits = model(ids).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels[:, 1:].flatten(), reduction="sum"
        )
        loss.backward()
        model.zero_grad()


def seconds(work: Callable[[], None]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(results: Path, repeats: int, threads: int, tokens_per_batch: int) -> list[float]:
    """Run both passes in turn and return their ratio for each turn."""
    torch.set_num_threads(threads)
    shard = read_table(results / "corpus/shards/s0000.parquet", "corpus/shards")
    folder = results / "attribution/preconditioner"
    settings = read_json(folder / "settings.json")
    fitted = preconditioner.load(folder / "moments.safetensors", folder / "settings.json")
    model = load_model(results / "model/model.json")
    projection = settings["projection"]
    engine = GradientEngine(model, projection["dim"], projection["seed"])
    documents = shard["input_ids"].to_list()
    numbers = PassSettings(settings["reduction"], "float32", tokens_per_batch)
    shape = (shard.height, len(engine.modules) * engine.block)

    def document_pass() -> None:
        with tempfile.TemporaryDirectory(dir=results) as scratch:
            with RowFile(Path(scratch) / "rows.npy", shape, "float32") as kept:
                sums, per_document = attribute(engine, fitted.roots, shard, numbers, kept.keep)
            write_sketch(Path(scratch) / "sketch.npz", sums, per_document, {"shard": "s0000"})

    ratios = []
    for turn in range(repeats + 1):
        plain = seconds(lambda: plain_pass(model, documents, tokens_per_batch))
        ours = seconds(document_pass)
        if turn == 0:
            continue  # the first turn warms the allocator
        ratios.append(ours / plain)
        sys.stdout.write(
            f"plain {plain:.2f} s, document pass {ours:.2f} s, ratio {ours / plain:.3f}\n"
        )
    tokens = sum(map(len, documents))
    sys.stdout.write(
        f"{model.num_parameters():,} parameters, {len(documents)} documents, {tokens:,} tokens, "
        f"{tokens_per_batch} tokens a batch, {threads} threads, {os.cpu_count()} cores\n"
        f"ratio: median {statistics.median(ratios):.3f}, least {min(ratios):.3f}, "
        f"most {max(ratios):.3f} over {repeats} turns\n"
    )
    return ratios


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of a finished study, results/<study>")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens-per-batch", type=int, default=4096)
    arguments = parser.parse_args()
    measure(arguments.results, arguments.repeats, arguments.threads, arguments.tokens_per_batch)


if __name__ == "__main__":
    main()
