"""Count words, word lists and marks in documents, summed per (bin, fold).

The lists are English; a word is a run of letters or digits with its inner apostrophes, in scripts
without blanks a character.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from workflow_scripts.common.errors import DataError, IntegrityError
from workflow_scripts.common.streamed_tables import scan_table, table_pieces
from workflow_scripts.common.taxonomy import BINS, FORMATS, bin_index
from workflow_scripts.common.words import POLARS_WORD

# Documents whose text is held at a time.
ROWS_PER_PIECE = 4096
WORD = rf"{POLARS_WORD}(?:['’]\p{{L}}+)*"
# Marks that are counted one by one, unchanged.
QUESTIONS, QUOTES = "questions", "quotes"


@dataclass(frozen=True)
class Lexicon:
    """Word lists, and which formats are compared.

    Attributes:
        words: list name -> its words.
        interactional: formats in which people address each other.
        expository: formats that set out a matter.
    """

    words: Mapping[str, Sequence[str]]
    interactional: Sequence[str]
    expository: Sequence[str]

    @property
    def measures(self) -> list[str]:
        """Measures counted beside documents and words, in the order of the columns."""
        return [*self.words, QUESTIONS, QUOTES]


def read_lexicon(path: str | os.PathLike) -> Lexicon:
    """Read the word lists.

    Raises:
        DataError: a word appears in two lists or twice, or a format is unknown or in both groups.
    """
    content = yaml.safe_load(Path(path).read_text())
    words, formats = content["words"], content["formats"]
    for entries, what in ((words, "word"), (formats, "format")):
        flat = [entry for names in entries.values() for entry in names]
        twice = sorted({entry for entry in flat if flat.count(entry) > 1})
        if twice:
            raise DataError(f"{path}: {what} {twice[0]!r} stands there twice; leave one")
    unknown = sorted({name for names in formats.values() for name in names} - set(FORMATS))
    if unknown:
        raise DataError(f"{path}: format {unknown[0]!r} is none; allowed: {', '.join(FORMATS)}")
    return Lexicon(words, formats["interactional"], formats["expository"])


def pattern(words: Sequence[str]) -> str:
    """Regular expression of any of the words as a whole, in lower case or capitalised.

    Word boundaries are those of ASCII: the engine is ten times slower with those of Unicode.
    """
    ways = [f"[{word[0].upper()}{word[0]}]{word[1:]}" if word != "I" else word for word in words]
    return rf"(?-u:\b)(?:{'|'.join(ways)})(?-u:\b)"


def counters(lexicon: Lexicon) -> list[pl.Expr]:
    """Expressions over the column ``text``: words first, then the measures in their order."""
    text = pl.col("text")
    # Straight quotation marks do not say which one opens: two make a quotation.
    quotes = text.str.count_matches("“", literal=True) + text.str.count_matches(
        '"', literal=True
    ).floordiv(2)
    return [
        text.str.count_matches(WORD).alias("words"),
        *(text.str.count_matches(pattern(words)).alias(n) for n, words in lexicon.words.items()),
        text.str.count_matches(r"\?+").alias(QUESTIONS),
        quotes.alias(QUOTES),
    ]


class Counts:
    """Sums per (bin, fold); their size does not depend on the documents.

    Attributes:
        documents: (576, F) int64.
        sums: (576, F, 1 + M) int64; words, then the measures of the lexicon.
    """

    def __init__(self, lexicon: Lexicon, folds: int) -> None:
        """Start at zero."""
        self.expressions = counters(lexicon)
        self.documents = np.zeros((len(BINS), folds), dtype=np.int64)
        self.sums = np.zeros((len(BINS), folds, len(self.expressions)), dtype=np.int64)

    def add(self, texts: pl.DataFrame) -> None:
        """Count documents with the columns topic, format, fold, text."""
        key = ["topic", "format", "fold"]
        counted = texts.select(*key, *(each.cast(pl.Int64) for each in self.expressions))
        grouped = counted.group_by(key).agg(pl.len().alias("documents"), pl.exclude(key).sum())
        for topic, format_, fold, documents, *sums in grouped.iter_rows():
            place = bin_index(topic, format_), fold
            self.documents[place] += documents
            self.sums[place] += sums


def texts_with_folds(
    documents: str | os.PathLike, sample: str | os.PathLike, folds: pl.DataFrame, part: str
) -> Iterator[pl.DataFrame]:
    """Yield a part's documents in pieces, each with its fold.

    Args:
        documents: table ``corpus/documents`` of the part.
        sample: table ``corpus/sample``.
        folds: doc_id, fold of the working set.
        part: label of the part in the sample.

    Yields:
        The columns of ``corpus/documents`` and fold.

    Raises:
        IntegrityError: the part does not hold the sample's documents.
    """
    columns = ["doc_id", "topic", "format", "part"]
    rows = scan_table(sample, "corpus/sample", columns).filter(pl.col("part") == part)
    drawn = rows.collect().join(folds, on="doc_id").sort("topic", "format", "doc_id")
    stale = IntegrityError(
        f"{documents} does not hold the documents that {sample} drew from part {part}; "
        "delete it and run again"
    )
    start = 0
    columns = ["doc_id", "topic", "format", "url_domain", "text"]
    for piece in table_pieces(documents, "corpus/documents", columns, ROWS_PER_PIECE):
        mine = drawn[start : start + piece.height]
        if not mine["doc_id"].equals(piece["doc_id"]):
            raise stale
        start += piece.height
        yield piece.with_columns(mine["fold"])
    if start != drawn.height:
        raise stale


def bins_of_formats(formats: Sequence[str]) -> np.ndarray:
    """(576,) bool; the bins of some formats."""
    chosen = set(formats)
    return np.array([format_ in chosen for _, format_ in BINS])
