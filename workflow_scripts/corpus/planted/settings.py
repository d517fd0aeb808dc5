"""Size and shape of the planted world, and what is allowed."""

from __future__ import annotations

from dataclasses import dataclass

from workflow_scripts.common.errors import AtlasError
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.planted.capability_wording import BENCHMARK_WORDS, SAME_WORDS, like
from workflow_scripts.corpus.planted.hard_world import MOST_QUESTIONS

BENCHMARKS = tuple(BENCHMARK_WORDS)
KNOWN = (*BENCHMARKS, *SAME_WORDS)
WORLDS = ("plain", "hard")


class PlantedWorldError(AtlasError):
    """The planted world cannot be built from these settings."""


@dataclass(frozen=True)
class WorldSettings:
    """Size and shape of the planted world.

    Attributes:
        world: ``plain``, or ``hard`` as corpora are.
        documents_per_bin: documents in every bin with a role; neutral bins vary around it.
        words_per_document: words to aim for; most documents come within six words.
        topics, formats: labels; every pair of them is a bin.
        benchmarks: which capabilities to plant; ``stem_two_tasks`` asks the questions of
            ``stem_reasoning`` in two tasks and takes its place.
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

    world: str = "plain"
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
        if self.world not in WORLDS:
            raise PlantedWorldError(f"world is {self.world!r}; allowed: {', '.join(WORLDS)}")
        self._check_benchmarks()
        count = self.questions_per_benchmark
        if count % 4 or not 4 <= count <= MOST_QUESTIONS:
            raise PlantedWorldError(
                f"questions_per_benchmark is {count}; allowed: a multiple of 4, 4 to "
                f"{MOST_QUESTIONS}"
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

    def _check_benchmarks(self) -> None:
        unknown = [name for name in self.benchmarks if name not in KNOWN]
        if unknown or not self.benchmarks:
            raise PlantedWorldError(f"benchmarks has {unknown}; allowed: any of {KNOWN}")
        if len({like(name) for name in self.benchmarks}) < len(self.benchmarks):
            raise PlantedWorldError(
                f"benchmarks is {self.benchmarks}; allowed: either of "
                f"{' or '.join(' and '.join(pair) for pair in SAME_WORDS.items())}, since one's "
                "questions would stand in the other's documents"
            )

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
