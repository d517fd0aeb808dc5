"""The planted world: a readable corpus in which the source of every capability is known.

Every document opens, fills up and closes in the manner of its format with words of its topic.
A support document also carries statements of one capability; a contradiction document is a
support document rewritten in another topic, with the answers permuted among its statements, so
that anything which only counts words sees no difference; a neighbour document, in the same bin as
a support document, states things as hard of another domain, which can be learnt but are not asked;
a decoy document has the frames of a benchmark, without regularity. All text follows from the
settings and the seed. :mod:`~workflow_scripts.corpus.planted.hard_world` describes what the hard
world adds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workflow_scripts.corpus.planted.capabilities import make_questions
from workflow_scripts.corpus.planted.capability_wording import TASKS
from workflow_scripts.corpus.planted.documents import BinWriter
from workflow_scripts.corpus.planted.hard_world import labelled_truth, mislabel
from workflow_scripts.corpus.planted.roles import LayoutShape, draw_layout, truth_table
from workflow_scripts.corpus.planted.settings import WorldSettings


@dataclass(frozen=True)
class World:
    """A planted world.

    Attributes:
        documents: id, text, topic, format, url; bin by bin.
        truth: one row per benchmark and bin: benchmark, topic, format, role, dose.
        questions: per task (a benchmark of one task is one of its name), rows of question_id,
            prompt, choices, gold, key.
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
    builder = BinWriter(settings, seed, layout)
    for topic in settings.topics:
        for fmt in settings.formats:
            builder.add_bin(topic, fmt)
    documents = builder.documents
    truth = truth_table(settings.benchmarks, settings.topics, settings.formats, layout)
    if settings.world == "hard":
        documents = mislabel(documents, settings.topics, settings.formats, seed)
        truth = labelled_truth(truth, documents, builder.carriers)
    questions: dict[str, list[dict]] = {}
    for name in settings.benchmarks:
        questions |= by_task(name, make_questions(name, builder.capabilities[name], seed))
    return World(documents, truth, questions, builder.carriers)


def by_task(benchmark: str, questions: list[dict]) -> dict[str, list[dict]]:
    """The questions of a benchmark's tasks, by the names of the tasks."""
    return {
        task: [row for row in questions if row["prompt"].startswith(begins)]
        for task, begins in TASKS.get(benchmark, {benchmark: ""}).items()
    }
