"""Roles of the bins for each benchmark of the planted world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workflow_scripts.common.random_streams import stream


@dataclass(frozen=True)
class Role:
    """Role of one bin for one benchmark.

    ``role`` is support, contradiction or decoy; ``dose`` the share of the bin's documents that
    carry capability sentences (0 for a decoy); ``twin`` the topic of the support bin (same
    format) whose documents a contradiction bin repeats.
    """

    benchmark: str
    role: str
    dose: float
    twin: str = ""


@dataclass(frozen=True)
class LayoutShape:
    """Number of topics of each role per benchmark, each over the same ``formats`` formats."""

    support_topics: int
    contradiction_topics: int
    decoy_topics: int
    formats: int
    doses: tuple[float, ...]


def draw_layout(
    benchmarks: Sequence[str],
    topics: Sequence[str],
    formats: Sequence[str],
    shape: LayoutShape,
    seed: int,
) -> dict[tuple[str, str], Role]:
    """Roles by (topic, format); a bin that is missing is neutral to every benchmark.

    Each benchmark owns some formats, so that no bin has to play two roles. Support topics are
    assigned in turn (benchmarks share one only when there are too few); contradictions and decoys
    take other topics. Every topic of a role holds each dose equally often where the number of
    formats allows, so that topic and dose are not confounded.
    """
    rng = stream(seed, "layout")
    dealt_topics = [topics[i] for i in rng.permutation(len(topics))]
    dealt_formats = [formats[i] for i in rng.permutation(len(formats))]
    layout: dict[tuple[str, str], Role] = {}
    for number, benchmark in enumerate(benchmarks):
        own = dealt_formats[number * shape.formats : (number + 1) * shape.formats]
        first = number * shape.support_topics
        support = [dealt_topics[(first + i) % len(topics)] for i in range(shape.support_topics)]
        others = [topic for topic in dealt_topics if topic not in support]
        others = [others[i] for i in rng.permutation(len(others))]
        against = others[: shape.contradiction_topics]
        decoys = others[shape.contradiction_topics :][: shape.decoy_topics]
        for i, topic in enumerate(support):
            for j, fmt in enumerate(own):
                # Rotated by the topic, so that a format does not always have the same dose.
                dose = shape.doses[(i * len(own) + j + i) % len(shape.doses)]
                layout[topic, fmt] = Role(benchmark, "support", dose)
                if i < len(against):
                    layout[against[i], fmt] = Role(benchmark, "contradiction", dose, topic)
        for topic in decoys:
            for fmt in own:
                layout[topic, fmt] = Role(benchmark, "decoy", 0.0)
    return layout


def truth_table(
    benchmarks: Sequence[str],
    topics: Sequence[str],
    formats: Sequence[str],
    layout: dict[tuple[str, str], Role],
) -> list[dict]:
    """One row per benchmark and bin: benchmark, topic, format, role, dose."""
    rows = []
    for benchmark in benchmarks:
        for topic in topics:
            for fmt in formats:
                role = layout.get((topic, fmt))
                mine = role is not None and role.benchmark == benchmark
                rows.append(
                    {
                        "benchmark": benchmark,
                        "topic": topic,
                        "format": fmt,
                        "role": role.role if mine else "neutral",
                        "dose": role.dose if mine else 0.0,
                    }
                )
    return rows
