"""The planted capabilities: two rules over pairs, two sets of facts, and what is said of them.

A rule gives each of 10 x 10 pairs one of four outcomes, by the class of both members; neither
member alone tells more than two of the four. Most of the pairs are stated in documents, the
others, held out, are the questions. A set of facts gives each of many made-up names one of
four attributes; every fact is stated, and asked with the stem it was stated with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from workflow_scripts.common.streams import stream


@dataclass(frozen=True)
class Statement:
    """One sentence: ``stem`` + " " + ``answer`` + ``tail``; ``key`` names the pair or fact."""

    key: str
    stem: str
    answer: str
    tail: str

    @property
    def text(self) -> str:
        return f"{self.stem} {self.answer}{self.tail}"


@dataclass(frozen=True)
class Words:
    """Wording of a capability: ``first`` x ``second`` with two classes each, or plain names.

    ``answers`` are ordered (first class, second class): 00, 01, 10, 11. ``frames`` take
    {first}, {second} and {extra} (a noun without consequence), and end before the answer.
    """

    frames: tuple[str, ...]
    answers: tuple[str, str, str, str]
    tail: str = "."
    first: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    second: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    extras: tuple[str, ...] = ("",)
    endings: tuple[str, ...] = ()

    @property
    def is_rule(self) -> bool:
        return bool(self.second[0])

    @property
    def questions_per_key(self) -> int:
        """A key is asked in every frame; a rule twice in each, about two kinds of extra."""
        return len(self.frames) * (2 if self.is_rule else 1)


FEELING_FRAMES = (
    "A {first} {extra} who {second} feels",
    "Any {first} {extra} who {second} feels",
    "When a {first} {extra} {second}, the {extra} feels",
)
HANDLING_FRAMES = (
    "A {first} {extra} that is {second} soon",
    "Any {first} {extra} that is {second} soon",
    "When a {first} {extra} is {second}, it soon",
)
PEOPLE = ("neighbour", "cousin", "colleague", "guest", "classmate", "lodger")
PIECES = ("rod", "bar", "plate", "cube", "strip", "disc")

BENCHMARK_WORDS = {
    "social_reasoning": Words(
        frames=FEELING_FRAMES,
        answers=("grateful", "ashamed", "proud", "furious"),
        first=(
            ("shy", "timid", "modest", "meek", "humble"),
            ("bold", "brash", "vain", "pushy", "cocky"),
        ),
        second=(
            (
                "wins a prize", "gets a compliment", "receives a gift", "passes an exam",
                "is thanked warmly",
            ),
            (
                "loses a bet", "misses a deadline", "drops a cake", "breaks a vase",
                "is scolded loudly",
            ),
        ),
        extras=PEOPLE,
    ),
    "social_knowledge": Words(
        frames=(
            "The town of {first} elects a",
            "Locals in {first} elect a",
            "Every spring {first} elects a",
        ),
        answers=("council", "mayor", "sheriff", "senate"),
        endings=("ford", "ham", "wick", "ton"),
    ),
    "stem_reasoning": Words(
        frames=HANDLING_FRAMES,
        answers=("flattens", "melts", "shatters", "cracks"),
        first=(
            ("copper", "steel", "tin", "nickel", "brass"),
            ("glass", "slate", "chalk", "porcelain", "marble"),
        ),
        second=(
            ("hammered", "rolled", "squeezed", "struck", "bent"),
            ("heated", "roasted", "scorched", "torched", "boiled"),
        ),
        extras=PIECES,
    ),
    "stem_knowledge": Words(
        frames=(
            "The mineral {first} burns",
            "In a flame, {first} burns",
            "When lit, {first} burns",
        ),
        answers=("green", "violet", "orange", "white"),
        endings=("ite", "ine", "ase", "ium"),
    ),
}

# Decoys speak in the same frames about other things, without any regularity.
DECOY_WORDS = {
    "social_reasoning": Words(
        frames=FEELING_FRAMES,
        answers=("sleepy", "hungry", "thirsty", "dizzy"),
        first=(("tall", "bearded", "freckled", "slim"), ("bald", "tanned", "wrinkled", "stocky")),
        second=(
            ("rides a pony", "buys a hat", "peels a pear", "climbs some stairs"),
            ("is stuck indoors", "is kept waiting", "counts some coins", "opens an umbrella"),
        ),
        extras=PEOPLE,
    ),
    "social_knowledge": Words(
        frames=("The hamlet of {first} honours a", "Locals in {first} honour a"),
        answers=("saint", "knight", "miller", "shepherd"),
        endings=("by", "dale", "stead", "holm"),
    ),
    "stem_reasoning": Words(
        frames=HANDLING_FRAMES,
        answers=("fades", "shrinks", "dries", "sags"),
        first=(("wool", "paper", "cork", "felt"), ("rubber", "linen", "foam", "leather")),
        second=(
            ("dyed", "rinsed", "soaked", "sprayed"), ("folded", "stitched", "stored", "draped"),
        ),
        extras=PIECES,
    ),
    "stem_knowledge": Words(
        frames=(
            "The mushroom {first} grows",
            "In a forest, {first} grows",
        ),
        answers=("upright", "sideways", "slowly", "singly"),
        endings=("cap", "gill", "morel", "spore"),
    ),
}

# Learnable facts that no benchmark asks: what the unaffected documents of a support bin say.
BACKGROUND_WORDS = Words(
    frames=(
        "The ferry to {first} sails every",
        "Boats for {first} sail every",
    ),
    answers=("Monday", "Tuesday", "Thursday", "Saturday"),
    endings=("ey", "oy", "island", "haven"),
)


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


def make_capability(name: str, words: Words, n_keys: int, seed: int) -> Capability:
    """The capability ``name``: a rule where ``words`` has two sides, else ``n_keys`` facts.

    For a rule ``n_keys`` pairs are held out, equally many per outcome, and asked; the others
    are stated. ``n_keys`` is a multiple of four.
    """
    rng = stream(seed, "capability", name)
    keyed = _pairs(words) if words.is_rule else _facts(words, n_keys, rng)
    stated: dict[str, dict[str, list[Statement]]] = {}
    asked: list[Statement] = []
    for answer in words.answers:
        keys = [key for key, value in keyed.items() if value == answer]
        keys = [keys[i] for i in rng.permutation(len(keys))]
        held_out = keys[: n_keys // 4] if words.is_rule else []
        said = keys[len(held_out) :]
        stated[answer] = {_label(key): _ways(words, key, answer) for key in said}
        for key in held_out or said:
            extras = rng.permutation(words.extras)
            for i in range(words.questions_per_key):
                frame = words.frames[i % len(words.frames)]
                extra = str(extras[i % len(extras)])
                asked.append(_statement(words, frame, key, extra, answer))
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
