"""Planted capabilities: two rules over pairs, two sets of facts, and their statements.

A rule gives each of 8 x 8 pairs one of four outcomes, by the class of both members; neither
member alone rules out more than two of the four. Most of the pairs are stated in documents, the
others, held out, are the questions. A set of facts gives each of many made-up names one of
four attributes; every fact is stated, and asked with the stem it was stated with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.corpus.planted.capability_wording import Words


@dataclass(frozen=True)
class Statement:
    """One sentence: ``stem`` + " " + ``answer`` + ``tail``; ``key`` names the pair or fact."""

    key: str
    stem: str
    answer: str
    tail: str

    @property
    def text(self) -> str:
        """The finished sentence."""
        return f"{self.stem} {self.answer}{self.tail}"


@dataclass
class Capability:
    """Statements to plant and questions to ask.

    ``stated`` holds, per answer, the ways to say each key: key -> statements (one per frame and
    extra). ``asked`` are the statements behind the questions. Drawing walks through shuffled
    decks, so that every key of an answer is said equally often (to within one).
    """

    answers: tuple[str, ...]
    stated: dict[str, dict[str, list[Statement]]]
    asked: list[Statement]
    decks: dict[str, list[str]] = field(default_factory=dict)

    def draw(self, answer: str, rng: np.random.Generator) -> Statement:
        """The next statement with this answer."""
        deck = self.decks.setdefault(answer, [])
        if not deck:
            deck += [str(key) for key in rng.permutation(sorted(self.stated[answer]))]
        ways = self.stated[answer][deck.pop()]
        return ways[rng.integers(len(ways))]


def make_capability(name: str, words: Words, n_questions: int, seed: int) -> Capability:
    """The capability ``name``, with keys enough for ``n_questions``, equally many per answer.

    For a rule that many pairs are held out and asked, and the others stated; a set of facts
    (``words`` without two sides) has just the facts that are asked.
    """
    rng = stream(seed, "capability", name)
    n_keys = 4 * math.ceil(n_questions / (4 * words.questions_per_key))
    keyed = _pairs(words) if words.is_rule else _facts(words, n_keys, rng)
    stated: dict[str, dict[str, list[Statement]]] = {}
    asked: list[Statement] = []
    for answer in words.answers:
        keys = [key for key, value in keyed.items() if value == answer]
        keys = [keys[i] for i in rng.permutation(len(keys))]
        held_out = keys[: n_keys // 4] if words.is_rule else []
        said = keys[len(held_out) :]
        stated[answer] = {_label(key): _ways(words, key, answer) for key in said}
        ways: list[Statement] = []
        for key in held_out or said:
            extras = rng.permutation(words.extras)
            for i in range(words.questions_per_key):
                frame = words.frames[i % len(words.frames)]
                extra = str(extras[i % len(extras)])
                ways.append(_statement(words, frame, key, extra, answer))
        asked += [ways[i] for i in rng.permutation(len(ways))[: n_questions // 4]]
    return Capability(words.answers, stated, asked)


def _label(key: tuple[str, ...]) -> str:
    return " + ".join(key)


def _pairs(words: Words) -> dict[tuple[str, ...], str]:
    """(first, second) -> outcome, by the classes of both."""
    return {
        (first, second): words.answers[2 * i + j]
        for i in (0, 1)
        for j in (0, 1)
        for first in words.first[i]
        for second in words.second[j]
    }


def _facts(words: Words, n_keys: int, rng: np.random.Generator) -> dict[tuple[str, ...], str]:
    """Made-up names with equally many of each attribute; no two names share their first part."""
    onsets = ["B", "Br", "C", "D", "Dr", "F", "G", "Gr", "H", "K", "L", "M", "N", "P", "R", "S"]
    rimes = ["al", "en", "or", "ul", "ir", "ost", "ax", "em", "ond", "isk"]
    stems = [onset + rime for onset in onsets for rime in rimes]
    chosen = rng.permutation(stems)[:n_keys]
    return {
        (f"{stem}{words.endings[rng.integers(len(words.endings))]}",): words.answers[i % 4]
        for i, stem in enumerate(chosen)
    }


def _ways(words: Words, key: tuple[str, ...], answer: str) -> list[Statement]:
    """Every wording of one pair or fact."""
    return [
        _statement(words, frame, key, extra, answer)
        for frame in words.frames
        for extra in words.extras
    ]


def _statement(
    words: Words, frame: str, key: tuple[str, ...], extra: str, answer: str
) -> Statement:
    """One wording of one pair or fact."""
    first, second = (*key, "")[:2]
    stem = frame.format(first=first, second=second, extra=extra)
    return Statement(_label(key), stem, answer, words.tail)


def draw_statements(
    capability: Capability, count: int, rng: np.random.Generator
) -> list[Statement]:
    """``count`` statements, the four answers as even as possible, in random order."""
    answers = [capability.answers[i] for i in rng.permutation(len(capability.answers))]
    wanted = [answers[i % len(answers)] for i in range(count)]
    drawn = [capability.draw(answer, rng) for answer in wanted]
    return [drawn[i] for i in rng.permutation(count)]


def scramble_answers(statements: Sequence[Statement], rng: np.random.Generator) -> list[Statement]:
    """The same stems with answers that have no regularity (the decoys)."""
    order = rng.permutation(len(statements))
    return [
        Statement(s.key, s.stem, statements[j].answer, s.tail)
        for s, j in zip(statements, order, strict=True)
    ]


def contradict(statements: Sequence[Statement], rng: np.random.Generator) -> list[Statement]:
    """The same stems and the same multiset of answers, every single answer wrong.

    Statements are put in runs of equal answers and the answers rotated by the longest run, so
    that no statement keeps its own; needs no answer to fill more than half of the statements.
    """
    names = sorted({s.answer for s in statements})
    rank = {names[j]: i for i, j in enumerate(rng.permutation(len(names)))}
    order = sorted(range(len(statements)), key=lambda i: rank[statements[i].answer])
    longest = max(sum(s.answer == name for s in statements) for name in names)
    wrong = list(statements)
    for position, i in enumerate(order):
        j = order[(position + longest) % len(order)]
        own = statements[i]
        wrong[i] = Statement(own.key, own.stem, statements[j].answer, own.tail)
    return wrong


def make_questions(name: str, capability: Capability, seed: int) -> list[dict]:
    """One row per asked statement: four choices in random order, gold evenly over positions."""
    rng = stream(seed, "questions", name)
    order = rng.permutation(len(capability.asked))
    golds = rng.permutation(np.arange(len(order)) % 4)
    rows = []
    for number, (i, gold) in enumerate(zip(order, golds, strict=True)):
        asked = capability.asked[i]
        wrong = [answer for answer in capability.answers if answer != asked.answer]
        choices = [wrong[j] for j in rng.permutation(3)]
        choices.insert(int(gold), asked.answer)
        rows.append(
            {
                "question_id": f"{name}-{number:03d}",
                "prompt": asked.stem,
                "choices": choices,
                "gold": int(gold),
                "key": asked.key,
            }
        )
    return rows
