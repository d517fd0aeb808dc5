"""The planted world: a readable corpus in which the source of every capability is known.

Every document opens, fills up and closes in the manner of its format with words of its topic.
A support document also carries statements of one capability; a contradiction document is a
support document told again in another topic, with the answers permuted among its statements, so
that anything which only counts words sees no difference; a neighbour document, in the same bin as
a support document, states things as hard of another domain, which can be learnt but are not asked;
a decoy document has the frames of a benchmark, without regularity. All text follows from the
settings and the seed.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.streams import stream
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.planted_capabilities import (
    Capability,
    Statement,
    contradict,
    draw_statements,
    make_capability,
    make_questions,
    scramble_answers,
)
from workflow_scripts.corpus.planted_layout import LayoutShape, Role, draw_layout, truth_table
from workflow_scripts.corpus.planted_text import compose
from workflow_scripts.corpus.planted_wording import (
    BACKGROUND_WORDS,
    BENCHMARK_WORDS,
    DECOY_WORDS,
    NEIGHBOURS,
)

BENCHMARKS = tuple(BENCHMARK_WORDS)
# Sizes of bins without a planted role, as shares of ``documents_per_bin``: mostly enough for the
# draw of the working set to choose from, one in twelve short of it.
NEUTRAL_SIZES = (0.75, 1, 1, 1, 1, 1.125, 1.125, 1.25, 1.25, 1.375, 1.5, 1.5)

# Names in the sets of facts nobody asks: as many as would answer this many questions.
UNASKED_QUESTIONS = 48


class PlantedWorldError(AtlasError):
    """The planted world cannot be built from these settings."""


@dataclass(frozen=True)
class WorldSettings:
    """Size and shape of the planted world.

    Attributes:
        documents_per_bin: documents in every bin with a role; neutral bins vary around it.
        words_per_document: words to aim for; most documents come within six words.
        topics, formats: labels; every pair of them is a bin.
        benchmarks: which of the four capabilities to plant.
        questions_per_benchmark: a multiple of 4 up to 240. A rule holds out a sixth as many
            pairs (each asked in six wordings), a set holds about a quarter as many facts (in four).
        statements_per_document: capability sentences in a document that carries any.
        support_topics, support_formats: each benchmark's support is this rectangle of bins.
        doses: shares of a support bin's documents that carry the capability, in turn.
        contradiction_topics: as many support topics have a contradicting twin.
        decoy_topics: topics whose bins, in the benchmark's formats, hold decoys.
        decoy_share: share of a decoy bin's documents that are decoys.
        neighbour_share: share of the other documents of support bins (and of their contradicting
            twins) that are neighbours: as long and as hard as support, without its capability.
        background_share: share of neutral documents that state facts which no benchmark asks.
    """

    documents_per_bin: int = 8
    words_per_document: int = 52
    topics: tuple[str, ...] = TOPICS
    formats: tuple[str, ...] = FORMATS
    benchmarks: tuple[str, ...] = BENCHMARKS
    questions_per_benchmark: int = 120
    statements_per_document: int = 10
    support_topics: int = 4
    support_formats: int = 6
    doses: tuple[float, ...] = (0.25, 0.5, 0.5, 0.75, 0.75, 1.0)
    contradiction_topics: int = 2
    decoy_topics: int = 2
    decoy_share: float = 0.5
    neighbour_share: float = 1.0
    background_share: float = 0.07

    def __post_init__(self) -> None:
        unknown = [name for name in self.benchmarks if name not in BENCHMARK_WORDS]
        if unknown or not self.benchmarks:
            raise PlantedWorldError(f"benchmarks has {unknown}; allowed: any of {BENCHMARKS}")
        count = self.questions_per_benchmark
        if count % 4 or not 4 <= count <= 240:
            raise PlantedWorldError(
                f"questions_per_benchmark is {count}; allowed: a multiple of 4, 4 to 240"
            )
        if self.statements_per_document < 2:
            raise PlantedWorldError(
                f"statements_per_document is {self.statements_per_document}; allowed: 2 or more, "
                "since one statement alone cannot swap its answer with another"
            )
        for dose in self.doses:
            if not 0 < dose <= 1 or (dose * self.documents_per_bin) % 1:
                raise PlantedWorldError(
                    f"doses has {dose}; allowed: shares in (0, 1] that are whole documents out "
                    f"of documents_per_bin ({self.documents_per_bin})"
                )
        self._check_room()

    def _check_room(self) -> None:
        formats = self.support_formats * len(self.benchmarks)
        if formats > len(self.formats):
            raise PlantedWorldError(
                f"support_formats is {self.support_formats} for {len(self.benchmarks)} benchmarks; "
                f"allowed: together up to the {len(self.formats)} formats"
            )
        topics = self.support_topics + self.contradiction_topics + self.decoy_topics
        if topics > len(self.topics) or self.contradiction_topics > self.support_topics:
            raise PlantedWorldError(
                f"support, contradiction and decoy topics are {self.support_topics}, "
                f"{self.contradiction_topics} and {self.decoy_topics}; allowed: together up to the "
                f"{len(self.topics)} topics, and no more contradiction than support topics"
            )


@dataclass(frozen=True)
class World:
    """A planted world.

    Attributes:
        documents: id, text, topic, format, url; bin by bin.
        truth: one row per benchmark and bin: benchmark, topic, format, role, dose.
        questions: per benchmark, rows of question_id, prompt, choices, gold, key.
        carriers: document id -> (benchmark, role) for the documents that carry capability,
            neighbour or decoy sentences; ("background", "background") for those with facts that
            nobody asks.
    """

    documents: list[dict[str, str]]
    truth: list[dict]
    questions: dict[str, list[dict]]
    carriers: dict[str, tuple[str, str]] = field(default_factory=dict)


def make_world(settings: WorldSettings, seed: int) -> World:
    """The world of these settings; the same settings and seed give the same text.

    Raises:
        PlantedWorldError: by the settings themselves, when they are made.
    """
    shape = LayoutShape(
        settings.support_topics,
        settings.contradiction_topics,
        settings.decoy_topics,
        settings.support_formats,
        settings.doses,
    )
    layout = draw_layout(settings.benchmarks, settings.topics, settings.formats, shape, seed)
    builder = _Builder(settings, seed, layout)
    for topic in settings.topics:
        for fmt in settings.formats:
            builder.add_bin(topic, fmt)
    return World(
        documents=builder.documents,
        truth=truth_table(settings.benchmarks, settings.topics, settings.formats, layout),
        questions={
            name: make_questions(name, builder.capabilities[name], seed)
            for name in settings.benchmarks
        },
        carriers=builder.carriers,
    )


class _Builder:
    """Writes bins. What a support document says is drawn once and kept for its twin."""

    def __init__(
        self, settings: WorldSettings, seed: int, layout: dict[tuple[str, str], Role]
    ) -> None:
        self.settings, self.seed, self.layout = settings, seed, layout
        count = settings.questions_per_benchmark
        self.capabilities: dict[str, Capability] = {
            name: make_capability(name, words, count, seed)
            for name, words in BENCHMARK_WORDS.items()
            if name in settings.benchmarks
        }
        self.decoys = {
            name: make_capability(
                f"decoy {name}", words, 0 if words.is_rule else UNASKED_QUESTIONS, seed
            )
            for name, words in DECOY_WORDS.items()
        }
        self.background = make_capability("background", BACKGROUND_WORDS, UNASKED_QUESTIONS, seed)
        self.neighbours = {
            name: copy.deepcopy(self.decoys[NEIGHBOURS[name]]) for name in settings.benchmarks
        }
        self.said = self._draw_support()
        self.documents: list[dict[str, str]] = []
        self.carriers: dict[str, tuple[str, str]] = {}

    def _draw_support(self) -> dict[tuple[str, str, int], tuple[str, list[Statement]]]:
        """What each document of a support bin says: (topic, format, number) -> role, statements."""
        settings, said = self.settings, {}
        for (topic, fmt), role in self.layout.items():
            if role.role != "support":
                continue
            n_support = round(role.dose * settings.documents_per_bin)
            n_others = settings.documents_per_bin - n_support
            for number in range(n_support + round(settings.neighbour_share * n_others)):
                rng = stream(self.seed, "support", topic, fmt, number)
                kind = "support" if number < n_support else "neighbour"
                source = self.capabilities if kind == "support" else self.neighbours
                drawn = draw_statements(
                    source[role.benchmark], settings.statements_per_document, rng
                )
                said[topic, fmt, number] = (kind, drawn)
        return said

    def add_bin(self, topic: str, fmt: str) -> None:
        """Write the documents of one bin."""
        role = self.layout.get((topic, fmt))
        size = self.settings.documents_per_bin
        if role is None:
            share = stream(self.seed, "size", topic, fmt).choice(NEUTRAL_SIZES)
            size = max(1, round(size * float(share)))
        sites = _sites(topic, fmt, size, stream(self.seed, "sites", topic, fmt))
        for number in range(size):
            # A twin takes its plan from the support bin: same sentences, words of its own topic.
            plan = (role.twin if role and role.twin else topic, fmt, number)
            carried, statements = self._statements(role, plan)
            rng = stream(self.seed, "text", *plan)
            text = compose(topic, fmt, statements, self.settings.words_per_document, rng)
            doc_id = f"planted-{len(self.documents):06d}"
            url = f"https://{sites[number]}/{fmt.replace('_', '-')}/{number + 1}"
            self.documents.append(
                {"id": doc_id, "text": text, "topic": topic, "format": fmt, "url": url}
            )
            if carried is not None:
                self.carriers[doc_id] = carried

    def _statements(
        self, role: Role | None, plan: tuple[str, str, int]
    ) -> tuple[tuple[str, str] | None, list[str]]:
        """What the document carries, if anything, and its sentences."""
        rng = stream(self.seed, "statements", *plan)
        count = self.settings.statements_per_document
        if role is not None and plan in self.said:
            kind, said = self.said[plan]
            if kind == "support" and role.role == "contradiction":
                kind, said = "contradiction", contradict(said, rng)
            return (role.benchmark, kind), [s.text for s in said]
        lot = float(rng.random())
        if role is not None and role.role == "decoy":
            if plan[2] < self.settings.decoy_share * self.settings.documents_per_bin:
                drawn = draw_statements(self.decoys[role.benchmark], count, rng)
                return (role.benchmark, "decoy"), [s.text for s in scramble_answers(drawn, rng)]
        elif role is None and lot < self.settings.background_share:
            return ("background", "background"), self._background(count, rng)
        return None, []

    def _background(self, count: int, rng: np.random.Generator) -> list[str]:
        """Facts that no benchmark asks, without repetition inside the document."""
        ways = [way for keyed in self.background.stated.values() for way in keyed.values()]
        chosen = rng.choice(len(ways), size=min(count, len(ways)), replace=False)
        return [ways[i][rng.integers(len(ways[i]))].text for i in chosen]


def _sites(topic: str, fmt: str, size: int, rng: np.random.Generator) -> list[str]:
    """Site of every document: about one in four sites holds two documents of the bin."""
    stems = ("notes", "corner", "daily", "hub", "world", "pages", "circle", "post")
    sites: list[str] = []
    while len(sites) < size:
        number = int(rng.integers(10, 1000))
        subject = topic.split("_")[0]
        site = f"{subject}-{stems[rng.integers(len(stems))]}-{number}.example"
        sites += [site] * (2 if rng.random() < 0.25 else 1)
    return sites[:size]
