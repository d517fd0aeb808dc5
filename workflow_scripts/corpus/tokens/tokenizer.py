"""The study's tokenizer, fitted on its documents or a pretrained model's, and a text's tokens.

One rule for documents, questions and their answers: a text begins with the tokens that the
tokenizer puts in front of every text (such as BOS), and nothing is put behind it (such as EOS), so
that the tokens of a prompt are a prefix of the tokens of prompt + answer, the split that the
evaluation harness scores. A special token spelled out in a text is read as plain text.

The fitted tokenizer is byte-level, so that any text round-trips, and adds no token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from workflow_scripts.common.errors import AtlasError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
# 256 bytes and the one special token: below this a tokenizer cannot spell every text.
SMALLEST_VOCABULARY = 257


class TokenizerError(AtlasError):
    """The tokenizer cannot be fitted or used as asked."""


def fit_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Fit a byte-level BPE tokenizer; the same texts in the same order give the same bytes.

    Args:
        texts: documents to count on; must hold at least one non-empty text.
        vocab_size: number of tokens to aim for, special token included. A small corpus may
            run out of pairs to merge and yield fewer.

    Returns:
        A fast tokenizer whose ``eos``, ``bos`` and ``pad`` token is ``<|endoftext|>`` and
        which adds no special token on its own.

    Raises:
        TokenizerError: ``vocab_size`` is below 257, or there is no text.
    """
    from transformers import PreTrainedTokenizerFast

    if vocab_size < SMALLEST_VOCABULARY:
        raise TokenizerError(
            f"vocab_size is {vocab_size}; allowed: {SMALLEST_VOCABULARY} or more "
            "(256 bytes and the end-of-text token)"
        )
    kept = [text for text in texts if text]
    if not kept:
        raise TokenizerError("no text to fit a tokenizer on: every document is empty")
    return PreTrainedTokenizerFast(
        tokenizer_object=_fit_bpe(kept, vocab_size),
        eos_token=END_OF_TEXT,
        bos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        # The clean-up of spaces before punctuation would break the round trip.
        clean_up_tokenization_spaces=False,
    )


def _fit_bpe(texts: list[str], vocab_size: int) -> Tokenizer:
    """Byte-level BPE without normalisation, prefix space or post-processing."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer, length=len(texts))
    return tokenizer


@dataclass(frozen=True)
class SpecialTokens:
    """Ids that a tokenizer adds to every text.

    Attributes:
        front: put in front of a text; kept.
        back: put behind a text; left out, or the answer to a prompt would follow them.
    """

    front: tuple[int, ...]
    back: tuple[int, ...]


def special_tokens(tokenizer: PreTrainedTokenizerFast) -> SpecialTokens:
    """Find the tokens that a tokenizer adds to every text.

    Raises:
        TokenizerError: it adds some inside the text.
    """
    encoded = tokenizer("a text", return_special_tokens_mask=True)
    ids, added = encoded["input_ids"], encoded["special_tokens_mask"]
    own = [place for place, mark in enumerate(added) if not mark]
    first, last = (own[0], own[-1] + 1) if own else (len(ids), len(ids))
    if any(added[first:last]):
        raise TokenizerError(
            f"the tokenizer ({type(tokenizer).__name__}) adds special tokens inside a text: "
            f"{ids} of 'a text'; allowed: in front of it and behind it"
        )
    return SpecialTokens(tuple(ids[:first]), tuple(ids[last:]))


def plain_ids(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of a text alone; a special token spelled out in it is read as plain text."""
    # split_special_tokens: a page that quotes "<|endoftext|>" must not inject a control token.
    return tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)


def encode(
    tokenizer: PreTrainedTokenizerFast, text: str, max_tokens: int, front: Sequence[int] = ()
) -> tuple[list[int], int]:
    """Token ids of a document, cut at ``max_tokens``.

    Args:
        tokenizer: as returned by :func:`fit_tokenizer`, or any fast tokenizer.
        text: the whole document.
        max_tokens: tokens to keep, at least 1; those in front count.
        front: what every text begins with, see :func:`special_tokens`.

    Returns:
        The first ``max_tokens`` ids, and the number of tokens before the cut.

    Raises:
        TokenizerError: ``max_tokens`` is below 1.
    """
    if max_tokens < 1:
        raise TokenizerError(f"max_tokens is {max_tokens}; allowed: 1 or more")
    ids = [*front, *plain_ids(tokenizer, text)]
    return ids[:max_tokens], len(ids)
