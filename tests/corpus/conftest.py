"""A made-up labelled corpus, and ways to write it in every source format."""

import gzip
import json
from types import SimpleNamespace

import polars as pl
import pytest

from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import BINS
from workflow_scripts.corpus.sources.document_index import MalformedRows, index_files

WORDS = [f"word{i}" for i in range(300)]


def make_rows(count=200, bins=5, seed=0):
    """Documents over the first bins, on about a dozen sites, some without."""
    rng = stream(seed, "rows")
    rows = []
    for i in range(count):
        topic, format_ = BINS[int(rng.integers(bins)) * 25]
        site = int(rng.integers(15))
        rows.append(
            {
                "id": f"doc-{i:04d}",
                "text": " ".join(rng.choice(WORDS, size=int(rng.integers(10, 60)))),
                "topic": topic,
                "format": format_,
                "url": f"https://www.Site{site}.org/page/{i}" if site < 12 else None,
            }
        )
    return rows


def write_rows(path, rows):
    """Write rows as the suffix of the path says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows).encode()
    if path.suffix == ".parquet":
        import polars as pl

        pl.DataFrame(rows).write_parquet(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines, mtime=0))
    elif path.suffix == ".zst":
        import zstandard

        # Two frames, as writers that append leave them.
        middle = len(lines) // 2
        frames = [zstandard.compress(part) for part in (lines[:middle], lines[middle:])]
        path.write_bytes(b"".join(frames))
    else:
        path.write_bytes(lines)
    return str(path)


def write_dolma(folder, rows, name="000.json.gz"):
    """Write rows in the Dolma layout: the topic in an attribute file, the format in metadata."""
    documents = [
        {
            "id": row["id"],
            "text": row["text"],
            "source": "made-up",
            "metadata": {"url": row["url"], "labels": {"format": row["format"]}},
        }
        for row in rows
    ]
    attributes = [{"id": row["id"], "attributes": {"topic": row["topic"]}} for row in rows]
    write_rows(folder / "attributes" / "labels" / name, attributes)
    return write_rows(folder / "documents" / name, documents)


def index(files, layout, **beside):
    """The whole manifest of some files, and their malformed rows."""
    malformed = MalformedRows()
    return pl.concat(index_files(files, layout, malformed, **beside)), malformed


TABLE = {
    "kind": "table",
    "config": "corpus.files.columns",
    "id": "id",
    "text": "text",
    "topic": "topic",
    "format": "format",
    "url": "url",
    "source": "",
}
DOLMA = {
    "kind": "dolma",
    "config": "corpus.dolma",
    "id": "id",
    "text": "text",
    "source": "source",
    "topic": "attributes:labels:topic",
    "format": "metadata.labels.format",
    "url": "metadata.url",
}


@pytest.fixture(scope="session")
def made_up():
    """The helpers above, for tests that cannot import a conftest by name."""
    return SimpleNamespace(
        index=index,
        rows=make_rows,
        write=write_rows,
        write_dolma=write_dolma,
        table=TABLE,
        dolma=DOLMA,
    )
