"""The tokenizer: deterministic, lossless, and free of hidden special tokens."""

from __future__ import annotations

import pytest

from workflow_scripts.corpus.tokens.tokenizer import (
    END_OF_TEXT,
    TokenizerError,
    encode,
    fit_tokenizer,
)

TEXTS = [
    "A good chef will season every soup with care.",
    "Step 1: taste the noodle.\nStep 2: order the salad.",
    "The town of Kondham elects a mayor.",
] * 4


def test_same_texts_same_bytes() -> None:
    first, second = (fit_tokenizer(TEXTS, 320).backend_tokenizer.to_str() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "text", ["plain words", "  two  spaces , and a tab\t", "naïve 数学 🙂\n\nend", END_OF_TEXT, ""]
)
def test_any_text_round_trips(text: str) -> None:
    tokenizer = fit_tokenizer(TEXTS, 320)
    ids, full = encode(tokenizer, text, max_tokens=1000)
    assert tokenizer.decode(ids) == text
    assert len(ids) == full


def test_nothing_is_added_to_a_text() -> None:
    tokenizer = fit_tokenizer(TEXTS, 320)
    assert tokenizer(TEXTS[0])["input_ids"] == encode(tokenizer, TEXTS[0], 1000)[0]


def test_tokens_of_a_prompt_begin_the_tokens_of_prompt_and_answer() -> None:
    tokenizer = fit_tokenizer(TEXTS, 320)
    prompt, _ = encode(tokenizer, "The town of Kondham elects a", 1000)
    whole, _ = encode(tokenizer, "The town of Kondham elects a mayor", 1000)
    assert whole[: len(prompt)] == prompt


def test_a_quoted_special_token_is_plain_text() -> None:
    tokenizer = fit_tokenizer(TEXTS, 320)
    ids, _ = encode(tokenizer, f"see {END_OF_TEXT}", 1000)
    assert tokenizer.eos_token_id not in ids


def test_a_long_text_is_cut_and_its_full_length_kept() -> None:
    tokenizer = fit_tokenizer(TEXTS, 320)
    whole, full = encode(tokenizer, TEXTS[1], 1000)
    cut, full_again = encode(tokenizer, TEXTS[1], 5)
    assert cut == whole[:5]
    assert full == full_again == len(whole)


def test_a_saved_tokenizer_reads_the_same(tmp_path) -> None:
    from transformers import AutoTokenizer

    tokenizer = fit_tokenizer(TEXTS, 320)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert encode(again, TEXTS[2], 1000) == encode(tokenizer, TEXTS[2], 1000)
    assert again.eos_token == again.pad_token == END_OF_TEXT


@pytest.mark.parametrize(("texts", "size"), [(TEXTS, 256), ([], 300), (["", ""], 300)])
def test_what_cannot_be_fitted_is_refused(texts: list[str], size: int) -> None:
    with pytest.raises(TokenizerError):
        fit_tokenizer(texts, size)


def test_a_cut_below_one_token_is_refused() -> None:
    with pytest.raises(TokenizerError, match="max_tokens is 0"):
        encode(fit_tokenizer(TEXTS, 320), "text", 0)
