"""Measure the draw of the working set on a synthetic manifest: rows a second, peak memory.

    python -m workflow_scripts.tools.bench.measure_sampling --millions 50

The manifest has natural skew: the bins differ in size by a factor of 10^orders. The same
documents are split into 1, 4 and 16 parts (the last also in reverse order) and drawn each time in
a process of its own, from manifests on disk to the finished sample; the samples must be equal.
The files are deleted afterwards; 50 million rows take about 3 GB.
"""

import argparse
import hashlib
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.streamed_tables import table_writer
from workflow_scripts.common.tables import write_table
from workflow_scripts.common.taxonomy import BINS, FORMATS, TOPICS
from workflow_scripts.corpus.sampling.keyed_draw import assign_ranks
from workflow_scripts.corpus.sampling.sample_bins import draw_sample

FILES = 16
ROWS_AT_ONCE = 2**18
SITES = 1_000_000
SEED = 42


def made_up_rows(file: int, start: int, count: int, orders: float) -> pl.DataFrame:
    """Rows ``start`` to ``start + count`` of one file: the same whatever part they are in."""
    rng = stream(SEED, "made-up manifest", file, start)
    shares = 10.0 ** (-orders * np.arange(len(BINS)) / (len(BINS) - 1))
    shares = stream(SEED, "made-up bins").permutation(shares / shares.sum())
    bins = np.searchsorted(np.cumsum(shares), rng.random(count) * (1 - 1e-12))
    topics, formats = pl.Series(TOPICS), pl.Series(FORMATS)
    rows = np.arange(start + 1, start + count + 1)
    characters = rng.lognormal(7.5, 1.0, count).astype(np.int64) + 20
    salt = rng.integers(2**63, size=count)  # ids that do not compress, as real ones
    columns = {
        "row": rows,
        "salt": salt,
        "site": rng.integers(SITES, size=count),
        "n_chars": characters,
    }
    return pl.DataFrame(columns).select(
        pl.format("<urn:{}:{}-{}>", pl.lit(f"{file:02d}"), "row", "salt").alias("doc_id"),
        topics[bins // len(FORMATS)].alias("topic"),
        formats[bins % len(FORMATS)].alias("format"),
        ((pl.col("n_chars") + 3) // 4).alias("n_tokens_estimate"),
        "n_chars",
        pl.lit("made-up").alias("source"),
        pl.format("site{}.org", "site").alias("url_domain"),
        pl.lit(f"documents/{file:04d}.jsonl.zst").alias("file"),
        "row",
    )


def write_manifests(folder: Path, rows: int, parts: int, orders: float) -> list[str]:
    """Write the manifest in parts; returns their paths."""
    paths = [str(folder / f"p{part:04d}.parquet") for part in range(parts)]
    for part, path in enumerate(paths):
        with table_writer(path, "corpus/manifest") as table:
            for file in range(part * FILES // parts, (part + 1) * FILES // parts):
                for start in range(0, rows // FILES, ROWS_AT_ONCE):
                    count = min(ROWS_AT_ONCE, rows // FILES - start)
                    table.write(made_up_rows(file, start, count, orders))
    return paths


def draw_once(
    manifests: Sequence[str], k: int, scratch: Path, results: multiprocessing.Queue
) -> None:
    """Draw; put seconds, processor seconds, peak memory, size and digest into the queue."""
    start, busy = time.perf_counter(), time.process_time()
    parts = [Path(path).stem for path in manifests]
    drawn, *_ = draw_sample(manifests, parts, k, SEED, scratch)
    sample = assign_ranks(drawn)
    write_table(sample, scratch / "sample.parquet", "corpus/sample")
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    ordered = (
        sample.sort("topic", "format", "draw_rank")
        .drop("part")
        .cast(dict.fromkeys(("topic", "format", "file"), pl.String))
    )
    digest = hashlib.sha256(ordered.hash_rows(seed=1).to_numpy().tobytes()).hexdigest()
    results.put((seconds, busy, peak, sample.height, digest))


def measure(rows: int, k: int, orders: float, parts: Sequence[int], folder: Path) -> bool:
    """Draw with every number of parts and print a line each; returns whether all are equal."""
    context = multiprocessing.get_context("spawn")
    results, digests = context.Queue(), set()
    rows -= rows % FILES
    for count in parts:
        place = Path(tempfile.mkdtemp(dir=folder, prefix="made-up-manifest-"))
        try:
            manifests = write_manifests(place, rows, count, orders)
            size = sum(Path(path).stat().st_size for path in manifests) / 2**30
            for order in (manifests, manifests[::-1]) if count == max(parts) else (manifests,):
                job = context.Process(target=draw_once, args=(order, k, place, results))
                job.start()
                job.join()
                if job.exitcode:
                    sys.exit(f"drawing from {count} part(s) failed")
                seconds, busy, peak, height, digest = results.get()
                digests.add(digest)
                sys.stdout.write(
                    f"{rows:,} rows ({size:.1f} GiB) in {count} part(s)"
                    f"{' in reverse order' if order is not manifests else ''}: {height:,} drawn, "
                    f"{seconds:.0f} s, {rows / seconds:,.0f} rows/s, {busy:.0f} s of processor "
                    f"({rows / busy:,.0f} rows/s), peak memory {peak:.2f} GiB\n"
                )
                sys.stdout.flush()
        finally:
            shutil.rmtree(place)
    verdict = "equal" if len(digests) == 1 else "NOT equal"
    sys.stdout.write(f"samples of all runs are {verdict}\n")
    return len(digests) == 1


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, default=50.0, help="rows of the manifest")
    parser.add_argument("--documents-per-bin", type=int, default=10_000)
    parser.add_argument("--orders", type=float, default=5.0, help="log10 of largest / smallest bin")
    parser.add_argument("--parts", type=int, nargs="+", default=[1, 4, 16], help="at most 16 each")
    parser.add_argument("--folder", type=Path, default=Path(), help="where the files stand")
    arguments = parser.parse_args()
    rows, k = int(arguments.millions * 1e6), arguments.documents_per_bin
    equal = measure(rows, k, arguments.orders, arguments.parts, arguments.folder)
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
