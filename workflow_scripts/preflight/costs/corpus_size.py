"""Number of documents of a study's corpus, from the best source known when it is planned.

In this order: the sampling report, where it exists; the config section ``preflight``; for
a planted world its own keys; for local files a look at some of their rows. Where nothing is
known, every bin is taken to be full.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.common.files import read_json
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.preflight.costs.source_look import look

# The planted world's words in its own small vocabulary (measured: 84 tokens for 52 words).
TOKENS_PER_PLANTED_WORD = 1.6
# English text in tokens of a large vocabulary.
BYTES_PER_TOKEN = 4.8
# Origins of the numbers, as the plan words them.
DRAWN, STATED, PLANTED = "counted by the draw", "stated by the config", "of the planted world"
LOOKED, FULL = "estimated from the files", "at most: every bin full"


@dataclass(frozen=True)
class CorpusSize:
    """Size of the corpus.

    Attributes:
        bins: bins with documents.
        documents: in the working set.
        mean_tokens: of a document, before the cut; 0 where it is not known.
        source_documents: in the source, before the draw.
        origin: where the numbers come from.
    """

    bins: int
    documents: int
    mean_tokens: int
    source_documents: int
    origin: str


def corpus_size(config: Mapping[str, Any]) -> CorpusSize:
    """The size of a study's corpus.

    Args:
        config: the complete configuration.
    """
    wanted = config["corpus"]["documents_per_bin"]
    size = _drawn(config, wanted) or _planted(config, wanted) or _outside(config, wanted)
    stated = config["preflight"]
    if size.origin == DRAWN:
        return size
    bins = stated["bins"] or size.bins
    source = stated["source_documents"] or size.source_documents
    documents = size.documents
    if stated["bins"] or stated["source_documents"]:
        per_bin = size.documents / size.bins if size.origin == LOOKED else wanted
        documents = math.ceil(bins * per_bin)
    if stated["source_documents"]:
        documents = min(documents, source)
    origin = STATED if stated["bins"] or stated["source_documents"] else size.origin
    mean = stated["mean_tokens"] or size.mean_tokens
    return CorpusSize(bins, max(1, documents), mean, max(documents, source), origin)


def _drawn(config: Mapping[str, Any], wanted: int) -> CorpusSize | None:
    """Size by the sampling report, for any number of documents a bin."""
    path = Path("results", config["study"], "corpus", "sample_contract.json")
    try:
        contract = read_json(path)
        counts = [n for formats in contract["available"].values() for n in formats.values()]
        drawn, tokens = contract["documents"], contract["tokens_estimated"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not counts or not drawn:
        return None
    mean = config["preflight"]["mean_tokens"] or _planted_tokens(config) or tokens // drawn
    documents = sum(min(count, wanted) for count in counts)
    return CorpusSize(len(counts), documents, mean, sum(counts), DRAWN)


def _planted(config: Mapping[str, Any], wanted: int) -> CorpusSize | None:
    if config["corpus"]["source"] != "planted":
        return None
    world = config["corpus"]["planted"]
    bins = (len(world["topics"]) or len(TOPICS)) * (len(world["formats"]) or len(FORMATS))
    made = bins * world["documents_per_bin"]
    documents = min(made, bins * wanted)
    return CorpusSize(bins, documents, _planted_tokens(config), made, PLANTED)


def _planted_tokens(config: Mapping[str, Any]) -> int:
    if config["corpus"]["source"] != "planted":
        return 0
    return int(config["corpus"]["planted"]["words_per_document"] * TOKENS_PER_PLANTED_WORD)


def _outside(config: Mapping[str, Any], wanted: int) -> CorpusSize:
    """The size of a corpus of files, from a look at them where that is possible."""
    full = len(TOPICS) * len(FORMATS)
    seen = look(config)
    if seen is None:
        return CorpusSize(full, full * wanted, 0, full * wanted, FULL)
    tokens = math.ceil(seen.text_bytes / BYTES_PER_TOKEN)
    if not seen.shares:
        documents = min(full * wanted, seen.documents)
        return CorpusSize(min(full, documents), documents, tokens, seen.documents, LOOKED)
    counts = [max(1, round(share * seen.documents)) for share in seen.shares]
    documents = sum(min(count, wanted) for count in counts)
    return CorpusSize(len(counts), documents, tokens, seen.documents, LOOKED)
