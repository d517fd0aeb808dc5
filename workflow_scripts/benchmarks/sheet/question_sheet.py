"""A benchmark on one page: its first question as it is scored, and counts over all of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from workflow_scripts.attribution.query_rows import fit_positions, target_sequences

NAME = 12
Decode = Callable[[Sequence[int]], str]


def sheet(
    queries: pl.DataFrame, origins: list[str], target: str, decode: Decode | None, limit: int | None
) -> list[str]:
    """Lines of the page.

    Args:
        queries: rows of the table ``benchmarks/queries``; without tokens where none are known.
        origins: place of the first question of each task; empty for the hub.
        target: what influence acts on, ``gold`` or ``margin``.
        decode: text of a token id; None without a tokenizer.
        limit: tokens that the gradient pass takes, None without a limit.
    """
    first = queries.row(0, named=True)
    lines = [
        *_counts(queries),
        *(_lengths(queries) if decode else []),
        "",
        f"first question{_place(origins)}",
    ]
    lines.append(_line("prompt", shorten(first["prompt"])))
    for number, choice in enumerate(first["choices"]):
        gold = "   <- gold" if number == first["gold"] else ""
        lines.append(_line("choices" if not number else "", f"{number}  {shorten(choice)}{gold}"))
    if decode is None:
        return [*lines, *_without_tokens(first, target)]
    return [*lines, *_split(first, decode), *_gradient(queries.head(1), target, decode, limit)]


def _counts(queries: pl.DataFrame) -> list[str]:
    """Questions by task, numbers of choices, positions of the gold answer."""
    tasks = Counter(queries["task"])
    named = [f"{count} of {task}" for task, count in list(tasks.items())[:4]]
    more = [f"and {len(tasks) - 4} tasks more"] if len(tasks) > 4 else []
    sizes = queries["choices"].list.len()
    fewest, most = sizes.min(), sizes.max()
    golds = sorted(Counter(queries["gold"]).items())
    return [
        _line("questions", f"{queries.height}: {', '.join([*named, *more])}"),
        _line("choices", f"{fewest}" if fewest == most else f"{fewest} to {most}"),
        _line("gold", ", ".join(f"{count} x choice {gold}" for gold, count in golds)),
    ]


def _lengths(queries: pl.DataFrame) -> list[str]:
    """Tokens of prompts and of answers, over all choices."""
    starts = queries["choice_start"].explode()
    answers = queries["choice_input_ids"].explode().list.len() - starts
    spans = [f"{each.min()} to {each.max()}" for each in (starts, answers)]
    return [_line("lengths", f"{spans[0]} tokens a prompt, {spans[1]} an answer")]


def notes(queries: pl.DataFrame) -> list[str]:
    """Oddities of questions that can be asked."""
    found = []
    choices = queries["choices"].explode()
    if choices.str.starts_with("  ").all():
        found.append(
            "every choice begins with two blanks: its own, and the task's target_delimiter "
            "(target_delimiter: '' adds none)"
        )
    doubled = queries.filter(pl.col("choices").list.n_unique() < pl.col("choices").list.len())
    if doubled.height:
        found.append(
            f"{doubled.height} of {queries.height} questions have one choice twice, the first is "
            f"{doubled['query_id'][0]}"
        )
    return found


def shorten(text: str, most: int = 600) -> str:
    """A text as Python writes it, the middle of a long one left out."""
    half = most // 2
    if len(text) <= most:
        return repr(text)
    return f"{text[:half]!r} .. {len(text) - most} more .. {text[-half:]!r}"


def _place(origins: list[str]) -> str:
    return f" ({origins[0]})" if origins else ""


def _split(first: dict[str, Any], decode: Decode) -> list[str]:
    """Tokens of the prompt, and of each answer, as lm-eval splits them."""
    gold = first["gold"]
    ids, start = first["choice_input_ids"][gold], first["choice_start"][gold]
    lines = [_line("tokens", f"{start} of the prompt: {pieces(ids[:start], decode)}")]
    for number, (tokens, begin) in enumerate(
        zip(first["choice_input_ids"], first["choice_start"], strict=True)
    ):
        answer = tokens[begin:]
        lines.append(_line("", f"{len(answer)} of choice {number}: {pieces(answer, decode)}"))
    return lines


def _gradient(query: pl.DataFrame, target: str, decode: Decode, limit: int | None) -> list[str]:
    """The sums of log-likelihoods that the query gradient is taken of, token by token."""
    ids, starts, _, weights = target_sequences(query, target)
    if limit is not None:
        ids, starts = fit_positions(ids, starts, limit)
    lines = [_line("gradient", f"of the {meaning(target)} (target: {target})")]
    for tokens, start, weight in zip(ids, starts, weights, strict=True):
        labelled = tokens[start:]
        count = f"{len(labelled)} labelled token{'s' if len(labelled) != 1 else ''}"
        lines.append(_line("", f"{weight:+.3g} x {count}: {pieces(labelled, decode)}"))
    return lines


def _without_tokens(first: dict[str, Any], target: str) -> list[str]:
    return [
        _line("answer", shorten(first["target"])),
        _line("gradient", f"of the {meaning(target)} (target: {target}): its tokens"),
    ]


def meaning(target: str) -> str:
    """Target of the influence, in words."""
    if target == "gold":
        return "log-likelihood of the gold answer after the prompt"
    return "log-likelihood of the gold answer minus the mean of the wrong ones"


def pieces(ids: Sequence[int], decode: Decode, most: int = 12) -> str:
    """Tokens as texts, each with its number; the middle of a long row is left out."""
    shown = [f"{decode([token])!r} {token}" for token in ids]
    if len(shown) > most:
        half = most // 2
        shown = [*shown[:half], f".. {len(shown) - most} more ..", *shown[-half:]]
    return " | ".join(shown)


def _line(name: str, text: str) -> str:
    return f"  {name:<{NAME}}{text}"
