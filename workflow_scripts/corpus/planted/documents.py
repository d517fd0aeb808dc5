"""Writes the documents of the planted world, bin by bin."""

from __future__ import annotations

import copy

import numpy as np

from workflow_scripts.common.random_streams import stream
from workflow_scripts.corpus.planted.capabilities import (
    Capability,
    Statement,
    contradict,
    draw_statements,
    make_capability,
    scramble_answers,
)
from workflow_scripts.corpus.planted.capability_wording import (
    BACKGROUND_WORDS,
    DECOY_WORDS,
    NEIGHBOURS,
    like,
    words_of,
)
from workflow_scripts.corpus.planted.hard_world import (
    HOUSE_SENTENCES,
    OPINIONATED,
    OPINIONS,
    first_of_site,
    question_number,
    repost,
    reposts,
    zipf_sites,
)
from workflow_scripts.corpus.planted.pages import compose, house_sentences
from workflow_scripts.corpus.planted.roles import Role
from workflow_scripts.corpus.planted.settings import WorldSettings

# Sizes of bins without a planted role, as shares of ``documents_per_bin``: mostly enough for the
# draw of the working set to choose from, one in twelve short of it.
NEUTRAL_SIZES = (0.75, 1, 1, 1, 1, 1.125, 1.125, 1.25, 1.25, 1.375, 1.5, 1.5)

# Names in the sets of facts nobody asks: as many as would answer this many questions.
UNASKED_QUESTIONS = 48

STEMS = ("notes", "corner", "daily", "hub", "world", "pages", "circle", "post")

# Content of a document: the benchmark and the kind of its statements, if any.
Carried = tuple[str, str] | None


class BinWriter:
    """Writes bins. What a support document says is drawn once and kept for its twin.

    Attributes:
        capabilities: of the benchmarks, by name.
        documents: id, text, topic, format, url of every document written so far.
        carriers: document id -> what it carries, where it carries something.
    """

    def __init__(
        self, settings: WorldSettings, seed: int, layout: dict[tuple[str, str], Role]
    ) -> None:
        """Draw what is stated; ``layout`` has the role of every bin that is not neutral."""
        self.settings, self.seed, self.layout = settings, seed, layout
        self.hard = settings.world == "hard"
        count = settings.questions_per_benchmark
        self.capabilities: dict[str, Capability] = {
            name: make_capability(
                name, words_of(name), question_number(settings.world, name, count), seed
            )
            for name in settings.benchmarks
        }
        self.decoys = {
            name: make_capability(
                f"decoy {name}", words, 0 if words.is_rule else UNASKED_QUESTIONS, seed
            )
            for name, words in DECOY_WORDS.items()
        }
        self.background = make_capability("background", BACKGROUND_WORDS, UNASKED_QUESTIONS, seed)
        self.neighbours = {
            name: copy.deepcopy(self.decoys[NEIGHBOURS[like(name)]]) for name in settings.benchmarks
        }
        self.said = self._draw_support()
        self.documents: list[dict[str, str]] = []
        self.carriers: dict[str, tuple[str, str]] = {}

    def _draw_support(self) -> dict[tuple[str, str, int], tuple[str, list[Statement]]]:
        """Statements of each support document: (topic, format, number) -> role, statements."""
        settings, said = self.settings, {}
        for (topic, fmt), role in self.layout.items():
            if role.role != "support":
                continue
            n_support = round(role.dose * settings.documents_per_bin)
            n_others = settings.documents_per_bin - n_support
            n_neighbours = round(settings.neighbour_share * n_others)
            kinds = ["support"] * n_support + ["neighbour"] * n_neighbours
            sites = self._site_numbers(topic, fmt, settings.documents_per_bin)
            first = first_of_site(sites[: len(kinds)], kinds)
            for number, kind in enumerate(kinds):
                rng = stream(self.seed, "support", topic, fmt, number)
                source = self.capabilities if kind == "support" else self.neighbours
                # Half of what a site's first page of the kind says, if that is another page.
                shared = [] if first[number] == number else said[topic, fmt, first[number]][1]
                shared = shared[: settings.statements_per_document // 2]
                count = settings.statements_per_document - len(shared)
                drawn = draw_statements(source[role.benchmark], count, rng)
                said[topic, fmt, number] = (kind, [*shared, *drawn])
        return said

    def _site_numbers(self, topic: str, fmt: str, size: int) -> list[int]:
        """Number of each document's site within its bin; in the plain world pages are unlike."""
        if not self.hard:
            return list(range(size))
        return zipf_sites(size, stream(self.seed, "sites", topic, fmt))

    def add_bin(self, topic: str, fmt: str) -> None:
        """Write the documents of one bin."""
        role = self.layout.get((topic, fmt))
        size = self.settings.documents_per_bin
        if role is None:
            share = stream(self.seed, "size", topic, fmt).choice(NEUTRAL_SIZES)
            size = max(1, round(size * float(share)))
        home = role.twin if role and role.twin else topic
        numbers = self._site_numbers(home, fmt, size)
        rng = stream(self.seed, "site names" if self.hard else "sites", topic, fmt)
        names = _named_sites(topic, numbers, rng) if self.hard else _sites(topic, size, rng)
        pages = [self._page(topic, role, (home, fmt, number), numbers) for number in range(size)]
        if self.hard:
            pages = self._with_reposts(pages, numbers, (home, fmt))
        for number, (carried, text) in enumerate(pages):
            doc_id = f"planted-{len(self.documents):06d}"
            url = f"https://{names[number]}/{fmt.replace('_', '-')}/{number + 1}"
            self.documents.append(
                {"id": doc_id, "text": text, "topic": topic, "format": fmt, "url": url}
            )
            if carried is not None:
                self.carriers[doc_id] = carried

    def _page(
        self, topic: str, role: Role | None, plan: tuple[str, str, int], sites: list[int]
    ) -> tuple[Carried, str]:
        """Text of a document, and the capability that it carries, if any.

        A twin takes its plan from the support bin: same sentences, words of its own topic.
        """
        home, fmt, number = plan
        key = (home, fmt, sites.index(sites[number]))
        carried, statements = self._statements(role, plan, key)
        house = []
        if self.hard:
            rng = stream(self.seed, "house", *key)
            house = house_sentences(topic, fmt, HOUSE_SENTENCES, rng)
            house += self._opinion(rng) if role is None else []
        rng = stream(self.seed, "text", *plan)
        said = [*statements, *house]
        return carried, compose(topic, fmt, said, self.settings.words_per_document, rng)

    def _opinion(self, rng: np.random.Generator) -> list[str]:
        """Statements that a neutral bin's site repeats on every page; most sites have none."""
        if rng.random() >= OPINIONATED:
            return []
        names = list(self.settings.benchmarks)
        capability = self.capabilities[names[rng.integers(len(names))]]
        wrong = rng.random() < 0.5
        said = []
        for place in rng.permutation(len(capability.answers))[:OPINIONS]:
            answer = capability.answers[place]
            ways = list(capability.stated[answer].values())
            ways = ways[rng.integers(len(ways))]
            said.append(ways[rng.integers(len(ways))])
        return [each.text for each in (contradict(said, rng) if wrong else said)]

    def _with_reposts(
        self,
        pages: list[tuple[Carried, str]],
        sites: list[int],
        plan: tuple[str, str],
    ) -> list[tuple[Carried, str]]:
        """The pages of a bin, some of them copies of one on another site."""
        rng = stream(self.seed, "reposts", *plan)
        copies = reposts(sites, [carried for carried, _ in pages], rng)
        return [
            (carried, repost(pages[copies[number]][1], rng) if number in copies else text)
            for number, (carried, text) in enumerate(pages)
        ]

    def _statements(
        self, role: Role | None, plan: tuple[str, str, int], first: tuple[str, str, int]
    ) -> tuple[Carried, list[str]]:
        """Sentences of a document, and the capability that it carries, if any.

        ``first`` is the plan of the first document of its site: if that one states facts which
        nobody asks, so does this one, and half of them are the same.
        """
        rng = stream(self.seed, "statements", *plan)
        count = self.settings.statements_per_document
        if role is not None and plan in self.said:
            kind, said = self.said[plan]
            if kind == "support" and role.role == "contradiction":
                kind, said = "contradiction", contradict(said, rng)
            return (role.benchmark, kind), [s.text for s in said]
        lot = float(rng.random())
        site = stream(self.seed, "statements", *first)
        if first != plan:
            lot = float(site.random())
        if role is not None and role.role == "decoy":
            if plan[2] < self.settings.decoy_share * self.settings.documents_per_bin:
                drawn = draw_statements(self.decoys[like(role.benchmark)], count, rng)
                return (role.benchmark, "decoy"), [s.text for s in scramble_answers(drawn, rng)]
        elif role is None and lot < self.settings.background_share:
            shared = self._background(count, site)[: count // 2] if first != plan else []
            own = [text for text in self._background(count, rng) if text not in shared]
            return ("background", "background"), [*shared, *own][:count]
        return None, []

    def _background(self, count: int, rng: np.random.Generator) -> list[str]:
        """Facts that no benchmark asks, without repetition inside the document."""
        ways = [way for keyed in self.background.stated.values() for way in keyed.values()]
        chosen = rng.choice(len(ways), size=min(count, len(ways)), replace=False)
        return [ways[i][rng.integers(len(ways[i]))].text for i in chosen]


def _sites(topic: str, size: int, rng: np.random.Generator) -> list[str]:
    """Site of every document: about one in four sites holds two documents of the bin."""
    sites: list[str] = []
    while len(sites) < size:
        site = _site_name(topic, rng)
        sites += [site] * (2 if rng.random() < 0.25 else 1)
    return sites[:size]


def _named_sites(topic: str, numbers: list[int], rng: np.random.Generator) -> list[str]:
    """The names of numbered sites, no two alike."""
    names: dict[str, None] = {}
    while len(names) <= max(numbers):
        names[_site_name(topic, rng)] = None
    return [list(names)[number] for number in numbers]


def _site_name(topic: str, rng: np.random.Generator) -> str:
    number, subject = int(rng.integers(10, 1000)), topic.split("_")[0]
    return f"{subject}-{STEMS[rng.integers(len(STEMS))]}-{number}.example"
