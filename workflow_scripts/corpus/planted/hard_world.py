"""The hard planted world: unequal sites, copies, unequal benchmarks and wrong labels.

The plain world's bins have many small sites, no copies, equal numbers of questions and labels
that are right; real corpora have none of these. In the hard world

- a bin's sites have sizes as in Zipf's law, and the pages of a site are alike: they share house
  sentences and half of what they state. In neutral bins a fifth of the sites have an opinion, two
  statements of a benchmark on every page, all right or all wrong: their documents score alike,
  and neutral text is still as often right as wrong;
- in half of the bins a page is posted again by other sites;
- benchmarks have between a third and twice as many questions as in the plain world;
- a tenth of the documents have another topic or another format as their label, as a classifier
  would have it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from workflow_scripts.common.random_streams import stream

MOST_QUESTIONS = 240
# Against the plain world's number; others have as many.
QUESTION_SHARES = {"social_reasoning": 1 / 2, "social_knowledge": 2, "stem_knowledge": 1 / 3}
# Sentences that every page of a site has.
HOUSE_SENTENCES = 2
# Share of the sites of neutral bins with an opinion, and its statements.
OPINIONATED, OPINIONS = 0.2, 2
# Share of the bins in which a page is posted again, and by how many other sites at most.
REPOSTED, MOST_REPOSTS = 0.5, 2
REPOST_NOTES = ("Posted again with thanks.", "Found elsewhere.", "From our archive.")
MISLABELLED = 0.1


def question_number(world: str, benchmark: str, count: int) -> int:
    """Questions of a planted benchmark: a multiple of 4, from 4 to 240.

    Args:
        world: config key ``corpus.planted.world``.
        benchmark: its name.
        count: config key ``corpus.planted.questions_per_benchmark``.
    """
    share = QUESTION_SHARES.get(benchmark, 1) if world == "hard" else 1
    return min(MOST_QUESTIONS, max(4, 4 * round(count * share / 4)))


def zipf_sites(size: int, rng: np.random.Generator) -> list[int]:
    """Site of each of ``size`` documents, sites in runs; the k-th is drawn in proportion to 1 / k.

    Runs are in random order, so that the largest site holds any part of the bin.
    """
    weight = 1 / np.arange(1, size + 1)
    drawn = rng.choice(size, size=size, p=weight / weight.sum())
    place = {int(site): number for number, site in enumerate(rng.permutation(np.unique(drawn)))}
    return sorted(place[int(site)] for site in drawn)


def first_of_site(sites: Sequence[int], kinds: Sequence[object]) -> list[int]:
    """For each document the first of its site that is of its kind, which may be itself."""
    first: dict[tuple[int, object], int] = {}
    return [
        first.setdefault(key, number) for number, key in enumerate(zip(sites, kinds, strict=True))
    ]


def reposts(
    sites: Sequence[int], kinds: Sequence[object], rng: np.random.Generator
) -> dict[int, int]:
    """Choose the documents of a bin that are copies: number -> number of the original.

    Copies are on other sites, one a site, and are of the original's kind, so that as many
    documents carry the capability as before.
    """
    if rng.random() >= REPOSTED:
        return {}
    original = int(rng.integers(len(sites)))
    others = {
        sites[number]: number
        for number in range(len(sites))
        if kinds[number] == kinds[original] and sites[number] != sites[original]
    }
    chosen = rng.permutation(sorted(others.values()))[: rng.integers(1, MOST_REPOSTS + 1)]
    return {int(number): original for number in chosen}


def repost(text: str, rng: np.random.Generator) -> str:
    """The text with a short note before it."""
    return f"{REPOST_NOTES[rng.integers(len(REPOST_NOTES))]} {text}"


def mislabel(
    documents: Sequence[Mapping[str, str]],
    topics: Sequence[str],
    formats: Sequence[str],
    seed: int,
) -> list[dict[str, str]]:
    """The documents with wrong labels for a tenth of them, drawn by their ids.

    A wrong label is another topic, or another format, of the world; the other label stays.
    """
    labelled = []
    for document in documents:
        rng = stream(seed, "label", document["id"])
        kinds = [k for k, all_ in (("topic", topics), ("format", formats)) if len(all_) > 1]
        wrong = {}
        if kinds and rng.random() < MISLABELLED:
            kind = kinds[rng.integers(len(kinds))]
            others = [x for x in (topics, formats)[kind == "format"] if x != document[kind]]
            wrong[kind] = others[rng.integers(len(others))]
        labelled.append({**document, **wrong})
    return labelled


def labelled_truth(
    truth: Sequence[Mapping],
    documents: Sequence[Mapping[str, str]],
    carriers: Mapping[str, tuple[str, str]],
) -> list[dict]:
    """The truth with the dose of each bin as it is labelled; roles stay as planted.

    Args:
        truth: rows of benchmark, topic, format, role, dose.
        documents: with their labels.
        carriers: document id -> (benchmark, kind of its statements).

    Returns:
        rows with the same keys. The dose of a support or contradiction bin is the share of its
        documents that state the capability in this way; of any other bin, the share that strayed
        into it and state the capability in either way.
    """
    total: Counter = Counter()
    carried: Counter = Counter()
    for document in documents:
        place = (document["topic"], document["format"])
        total[place] += 1
        carried[place, carriers.get(document["id"])] += 1
    rows = []
    for row in truth:
        place = (row["topic"], row["format"])
        own = row["role"] in ("support", "contradiction")
        kinds = (row["role"],) if own else ("support", "contradiction")
        count = sum(carried[place, (row["benchmark"], kind)] for kind in kinds)
        rows.append({**row, "dose": count / total[place] if total[place] else 0.0})
    return rows
