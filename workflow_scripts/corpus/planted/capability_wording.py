"""Wording of the planted capabilities, of their decoys, and of facts without questions."""

from __future__ import annotations

from dataclasses import dataclass


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
        """True if pairs, rather than names, decide the answer."""
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
            ("shy", "timid", "modest", "humble"),
            ("bold", "brash", "vain", "pushy"),
        ),
        second=(
            ("wins", "succeeds", "graduates", "recovers"),
            ("loses", "fails", "stumbles", "crashes"),
        ),
        extras=PEOPLE,
    ),
    "social_knowledge": Words(
        frames=(
            "The town of {first} elects a",
            "Locals in {first} elect a",
            "Every spring {first} elects a",
            "By law {first} elects a",
        ),
        answers=("council", "mayor", "sheriff", "senate"),
        endings=("ford", "ham", "wick", "ton"),
    ),
    "stem_reasoning": Words(
        frames=HANDLING_FRAMES,
        answers=("flattens", "melts", "shatters", "cracks"),
        first=(
            ("copper", "steel", "tin", "brass"),
            ("glass", "slate", "porcelain", "marble"),
        ),
        second=(
            ("hammered", "rolled", "squeezed", "struck"),
            ("heated", "roasted", "scorched", "torched"),
        ),
        extras=PIECES,
    ),
    "stem_knowledge": Words(
        frames=(
            "The mineral {first} burns",
            "In a flame, {first} burns",
            "When lit, {first} burns",
            "On coals {first} burns",
        ),
        answers=("green", "violet", "orange", "white"),
        endings=("ite", "ine", "ase", "ium"),
    ),
}

# A benchmark of two tasks asks what stem_reasoning asks, and takes its place in a world.
SAME_WORDS = {"stem_two_tasks": "stem_reasoning"}

# Other things in the frames of a benchmark: with regularity in neighbours, without in decoys.
DECOY_WORDS = {
    "social_reasoning": Words(
        frames=FEELING_FRAMES,
        answers=("sleepy", "hungry", "thirsty", "dizzy"),
        first=(("tall", "bearded", "freckled", "slim"), ("bald", "tanned", "wrinkled", "stocky")),
        second=(
            ("rides a pony", "buys a hat", "peels a pear", "climbs some stairs"),
            ("is stuck indoors", "is caught yawning", "counts some coins", "opens an umbrella"),
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
        first=(("wool", "cardboard", "cork", "felt"), ("rubber", "linen", "foam", "leather")),
        second=(
            ("dyed", "rinsed", "soaked", "sprayed"),
            ("folded", "stitched", "stored", "draped"),
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

# Whose other things the neighbours of a benchmark's support state: of the same kind, so that they
# are as hard, but of the other domain. In the benchmark's own frames, forgetting them cost the
# benchmark 20 points of accuracy at a rise of the loss by one nat: they were no control.
NEIGHBOURS = {
    "social_reasoning": "stem_reasoning",
    "social_knowledge": "stem_knowledge",
    "stem_reasoning": "social_reasoning",
    "stem_knowledge": "social_knowledge",
}

# Tasks of a benchmark that has more than one, and how their questions begin; every other
# benchmark is one task of its name.
TASKS = {"stem_two_tasks": {"stem_traits": ("A ", "Any "), "stem_events": ("When ",)}}

# Learnable facts that no benchmark asks, in some neutral documents.
BACKGROUND_WORDS = Words(
    frames=(
        "The ferry to {first} sails every",
        "Boats for {first} sail every",
    ),
    answers=("Monday", "Tuesday", "Thursday", "Saturday"),
    endings=("ey", "oy", "island", "haven"),
)


def words_of(benchmark: str) -> Words:
    """Wording of a planted benchmark."""
    return BENCHMARK_WORDS[like(benchmark)]


def like(benchmark: str) -> str:
    """The benchmark whose words it has: in general its own."""
    return SAME_WORDS.get(benchmark, benchmark)


def question_files(benchmark: str) -> tuple[str, ...]:
    """Names of its tasks, which have a file of questions each."""
    return tuple(TASKS.get(benchmark, (benchmark,)))
