"""Measure the document pass against the plain forward and backward it needs, in one run.

    python -m workflow_scripts.tools.bench.measure_pass results/planted
    python -m workflow_scripts.tools.bench.measure_pass --device cuda --precision bfloat16

Three passes go over the same documents in the same batches, turn by turn, imports and model
loading excluded. The plain pass has frozen weights and gradients of the activations only, which is
the least any gradient method must do. The document pass whitens, normalises, sums three sketches,
and writes rows and sketch to disk. bergson's own build projects the same gradients and writes its
index, without whitening or sums; it knows one projection. Results: seconds, documents and tokens a
second, their ratio to the plain pass, and on a GPU the peak memory of each. Seconds are the
processor's own on the CPU.

The models have random weights, which cost what trained ones cost: the demo's shape, one of four
times its width (about 8 times the parameters), and on a GPU the shapes of OLMo2-1B and OLMo3-7B.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl
import torch
from transformers import AutoModelForCausalLM, Olmo3Config, PreTrainedModel

from workflow_scripts.attribution.bergson_adapter import GradientEngine, Sequences, batches_of
from workflow_scripts.attribution.document_pass import PassSettings, RowFile, attribute
from workflow_scripts.attribution.sketch import write_sketch
from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.tables import read_table
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.model.loading import choose_arithmetic
from workflow_scripts.tools.bench.clock import synchronize

# hidden size, layers, heads, width of the MLP, vocabulary, longest document, tokens a batch
SHAPES = {
    "demo": (64, 3, 4, 192, 2816, 208, 4096),
    "large": (256, 3, 4, 768, 2816, 208, 4096),
    "olmo2-1b": (2048, 16, 16, 8192, 100352, 4096, 16384),
    "olmo3-7b": (4096, 32, 32, 11008, 100278, 4096, 8192),
}
PASSES = ("plain", "document pass", "bergson build")
NO_GPU = (
    "no CUDA GPU here: OLMo2-1B and OLMo3-7B are left out; on a machine with one run\n"
    "  python -m workflow_scripts.tools.bench.measure_pass --device cuda --precision bfloat16\n"
)


def random_model(name: str, device: str, dtype: torch.dtype) -> PreTrainedModel:
    """An Olmo3 model of one of ``SHAPES`` with random weights, made where it will run."""
    hidden, layers, heads, mlp, vocabulary, longest, _ = SHAPES[name]
    config = Olmo3Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=2 * longest,
        sliding_window=2 * longest,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


def random_shard(name: str, documents: int, length: int | None = None) -> pl.DataFrame:
    """A table like ``corpus/shards`` of random tokens.

    Args:
        name: of the shape, whose vocabulary they are of.
        documents: how many.
        length: of each in tokens; from an eighth of the shape's longest up to it without.
    """
    vocabulary, longest = SHAPES[name][4:6]
    rng = stream(0, "measured documents", name)
    shortest, longest = (length, length) if length else (longest // 8, longest)
    lengths = rng.integers(shortest, longest + 1, size=documents)
    ids = [rng.integers(1, vocabulary, size=length).tolist() for length in lengths]
    topic, format_ = zip(*(BINS[i % len(BINS)] for i in range(documents)), strict=True)
    return pl.DataFrame(
        {
            "doc_id": [f"d{i:06d}" for i in range(documents)],
            "topic": topic,
            "format": format_,
            "fold": [0] * documents,
            "input_ids": pl.Series(ids, dtype=pl.List(pl.Int32)),
        }
    )


def plain_pass(
    model: torch.nn.Module, documents: Sequence[Sequence[int]], batches: Sequence[Sequence[int]]
) -> None:
    """Forward and backward over all documents with frozen weights."""
    for batch in batches:
        longest = max(len(documents[index]) for index in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        labels = torch.full((len(batch), longest), -100)
        for row, index in enumerate(batch):
            tokens = torch.tensor(documents[index])
            ids[row, : len(tokens)] = labels[row, : len(tokens)] = tokens
        ids, labels = ids.to(model.device), labels.to(model.device)
        logits = model(ids).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels[:, 1:].flatten(), reduction="sum"
        )
        loss.backward()
        model.zero_grad()


def measured(work: Callable[[], None], device: torch.device) -> tuple[float, float]:
    """Seconds of one call, and its peak memory on the GPU in GB (0 on the CPU).

    On a GPU the time on the clock; on the CPU the processor's time in this process, so that what
    else runs on the machine does not count.
    """
    cuda = device.type == "cuda"
    synchronize(device)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    clock = time.perf_counter if cuda else time.process_time
    start = clock()
    work()
    synchronize(device)
    elapsed = clock() - start
    return elapsed, torch.cuda.max_memory_allocated() / 1e9 if cuda else 0.0


def passes(
    engine: GradientEngine, shard: pl.DataFrame, row_dtype: str, tokens_per_batch: int
) -> dict[str, Callable[[], None]]:
    """The passes that are compared, by their names in ``PASSES``."""
    documents = shard["input_ids"].to_list()
    batches = batches_of([len(ids) for ids in documents], tokens_per_batch, engine)
    shape = (shard.height, len(engine.modules) * engine.block)
    # The cost of whitening does not depend on its values.
    roots = torch.eye(engine.block).expand(len(engine.modules), -1, -1).contiguous()
    roots = roots.to(engine.model.device)
    settings = PassSettings("mean", row_dtype, tokens_per_batch)

    def document_pass() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            with RowFile(Path(scratch) / "rows.npy", shape, row_dtype) as kept:
                sums, found = attribute(engine, roots, shard, settings, kept.keep)
            write_sketch(Path(scratch) / "sketch.npz", sums, found, {"shard": "s0000"})

    def build() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            engine.build(Sequences(documents), Path(scratch), tokens_per_batch)

    work = (lambda: plain_pass(engine.model, documents, batches), document_pass, build)
    return dict(zip(PASSES, work, strict=True))


def turns(
    work: Mapping[str, Callable[[], None]], device: torch.device, repeats: int
) -> dict[str, list[tuple[float, float]]]:
    """Seconds and peak memory (GB) of each work, ``repeats`` times in turn after one warm-up."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, each in work.items():
            result = measured(each, device)
            if turn > 0:
                found[name].append(result)
    return found


def compare(
    engine: GradientEngine,
    shard: pl.DataFrame,
    row_dtype: str,
    tokens_per_batch: int,
    repeats: int,
    say: Callable[[str], object] = sys.stdout.write,
) -> dict[str, float]:
    """Run the passes in turn, ``repeats`` times after one turn that warms up, and report.

    Returns:
        Median over turns of each pass's time in units of the plain pass of the same turn.
    """
    tokens = int(shard["input_ids"].list.len().sum())
    found = turns(passes(engine, shard, row_dtype, tokens_per_batch), engine.model.device, repeats)
    ratios = {}
    for name, results in found.items():
        each = [ours[0] / plain[0] for ours, plain in zip(results, found["plain"], strict=True)]
        ratios[name] = statistics.median(each)
        elapsed = statistics.median(result[0] for result in results)
        peak = max(result[1] for result in results)
        say(
            f"  {name:<14}{elapsed:9.2f} s {shard.height / elapsed:9.1f} documents/s "
            f"{tokens / elapsed:11,.0f} tokens/s   ratio {ratios[name]:.3f} "
            f"({min(each):.3f} to {max(each):.3f})"
            + (f"   peak {peak:.1f} GB" if peak else "")
            + "\n"
        )
    return ratios


def measure(name: str, arguments: argparse.Namespace) -> None:
    """Measure one shape, on the tokens of a finished study where one is given and they fit."""
    dtype = choose_arithmetic(arguments.precision, arguments.device)
    model = random_model(name, arguments.device, dtype)
    tokens_per_batch = arguments.tokens_per_batch or SHAPES[name][6]
    if arguments.results and name != "olmo3-7b":
        shard = read_table(arguments.results / "corpus/shards/s0000.parquet", "corpus/shards")
        shard = shard.head(arguments.documents)
        if shard["input_ids"].list.max().max() >= SHAPES[name][4]:
            shard = random_shard(name, arguments.documents)
    else:
        shard = random_shard(name, arguments.documents)
    lengths = shard["input_ids"].list.len()
    sys.stdout.write(
        f"{name}: {model.num_parameters():,} parameters, {shard.height} documents, "
        f"{lengths.sum():,} tokens, {tokens_per_batch} tokens a batch, {arguments.precision} on "
        f"{arguments.device}, {arguments.threads} threads of {os.cpu_count()} cores\n"
    )
    for projections in arguments.projections:
        sys.stdout.write(f" projections: {projections}\n")
        engine = GradientEngine(model, arguments.projection_dim, 42, projections)
        compare(engine, shard, arguments.row_dtype, tokens_per_batch, arguments.repeats)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="?", help="finished study, results/<study>")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, help="default: all that fit here")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "tf32", "bfloat16"], default="float32")
    parser.add_argument(
        "--row-dtype", choices=["float32", "float16", "bfloat16"], default="float32"
    )
    parser.add_argument("--projection-dim", type=int, default=16)
    parser.add_argument("--projections", type=int, nargs="+", default=[1])
    parser.add_argument("--documents", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens-per-batch", type=int, help="default: that of the shape")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    small = ["demo", "large"]
    try:
        for name in arguments.shapes or (small if arguments.device == "cpu" else list(SHAPES)):
            measure(name, arguments)
    except AtlasError as error:
        sys.exit(f"measure_pass: {error}")
    if not torch.cuda.is_available():
        sys.stdout.write(NO_GPU)


if __name__ == "__main__":
    main()
