"""The hard world: its sites, copies, questions, labels and truth; and that the plain one stays."""

import hashlib
import itertools
import json
import re
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from tests.corpus.planted.test_world import SMALL
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.folds.near_duplicates import connected, near_duplicate_pairs
from workflow_scripts.corpus.planted.hard_world import (
    REPOST_NOTES,
    labelled_truth,
    question_number,
    reposts,
    zipf_sites,
)
from workflow_scripts.corpus.planted.settings import PlantedWorldError, WorldSettings
from workflow_scripts.corpus.planted.world import World, make_world

HARD = WorldSettings(
    world="hard",
    documents_per_bin=12,
    topics=TOPICS[:12],
    formats=FORMATS[:12],
    benchmarks=("social_reasoning", "stem_two_tasks", "social_knowledge"),
    support_formats=4,
)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(HARD, seed=5)


def site(document):
    return document["url"].split("/")[2]


def written_for(document):
    """Format that the document was written for, whatever its label."""
    return document["url"].split("/")[3].replace("-", "_")


def by_label(world):
    bins = defaultdict(list)
    for document in world.documents:
        bins[document["topic"], document["format"]].append(document)
    return bins


def test_the_plain_world_has_the_bytes_it_had_before_there_was_a_hard_one():
    world = make_world(SMALL, seed=1)
    told = json.dumps([world.documents, world.truth, world.questions]).encode()
    assert hashlib.sha256(told).hexdigest()[:16] == "37d2ea416bd79baa"


def test_the_same_seed_gives_the_same_hard_world(world):
    small = replace(HARD, topics=TOPICS[:8], support_topics=2)
    assert make_world(small, seed=1) == make_world(small, seed=1)
    assert make_world(small, seed=1).documents != make_world(small, seed=2).documents


def test_sites_are_of_unequal_size_and_come_in_runs():
    shares, counts = [], []
    for seed in range(300):
        sites = zipf_sites(12, stream(seed, "sites"))
        assert sites == sorted(sites) and set(sites) == set(range(max(sites) + 1))
        sizes = np.bincount(sites)
        shares.append(sizes.max() / 12)
        counts.append(len(sizes))
    assert 0.28 < np.mean(shares) < 0.42
    assert 6 < np.mean(counts) < 9
    assert min(counts) >= 2


def test_pages_of_a_site_share_sentences_and_those_of_two_sites_seldom(world):
    """Of the sentences of neutral pages: the house sentences are at least two a site."""

    def sentences(document):
        return {part.strip() for part in document["text"].replace("\n", ". ").split(". ")}

    same, other = [], []
    for documents in by_label(world).values():
        plain = [d for d in documents if d["id"] not in world.carriers]
        for one, two in itertools.pairwise(plain):
            shared = len(sentences(one) & sentences(two))
            (same if site(one) == site(two) else other).append(shared)
    assert np.mean(same) > 2 * np.mean(other)


def test_a_fifth_of_neutral_sites_has_an_opinion_and_states_it_on_every_page(world):
    """Two right or two wrong statements; copies on other sites are left out."""
    planted = {(r["topic"], r["format"]) for r in world.truth if r["role"] != "neutral"}
    answers = re.compile(r"\b(grateful|ashamed|proud|furious|flattens|melts|shatters|cracks)\b")
    sites = defaultdict(list)
    for document in world.documents:
        place = (document["topic"], document["format"])
        copy = document["text"].startswith(REPOST_NOTES)
        if place not in planted and document["id"] not in world.carriers and not copy:
            sites[site(document)].append(set(answers.findall(document["text"])))
    said = [pages for pages in sites.values() if len(pages) > 1]
    assert all(pages[0] == page and len(page) in (0, 2) for pages in said for page in pages)
    # A third of the opinions is of facts, which have no such words.
    assert 0.05 < np.mean([bool(pages[0]) for pages in said]) < 0.25


def test_copies_stand_on_other_sites_of_the_bin_and_are_found(world):
    """In about half of the bins, before labels go wrong."""
    written = defaultdict(list)
    for document in world.documents:
        written[document["url"].split("-")[0], written_for(document)].append(document)
    held = []
    for documents in list(written.values())[:72]:
        groups = connected(
            len(documents), near_duplicate_pairs([d["text"] for d in documents], 0.8)
        )
        across = 0
        for group in np.unique(groups):
            copies = [d for d, own in zip(documents, groups, strict=True) if own == group]
            assert len({world.carriers.get(d["id"]) for d in copies}) == 1
            across += len({site(d) for d in copies}) > 1
        held.append(across == 1)
        assert across <= 1
    assert 0.35 < np.mean(held) < 0.65


def test_a_copy_is_of_the_kind_of_its_original_and_one_a_site():
    sites, kinds = [0, 0, 1, 1, 2, 3], ["a", "b", "a", "a", "b", "a"]
    seen = set()
    for seed in range(200):
        for number, original in reposts(sites, kinds, stream(seed, "reposts")).items():
            assert kinds[number] == kinds[original] and sites[number] != sites[original]
            seen.add((number, original))
    assert (0, 5) in seen and (4, 1) in seen


def test_benchmarks_have_unequal_numbers_of_questions_and_one_has_two_tasks(world):
    counts = {task: len(rows) for task, rows in world.questions.items()}
    assert counts == {
        "social_reasoning": 60,
        "stem_traits": 80,
        "stem_events": 40,
        "social_knowledge": 240,
    }
    assert all(row["prompt"].startswith("When") for row in world.questions["stem_events"])
    ids = [row["question_id"] for rows in world.questions.values() for row in rows]
    assert len(set(ids)) == len(ids)
    assert question_number("plain", "social_knowledge", 120) == 120
    assert question_number("hard", "stem_knowledge", 4) == 4
    assert question_number("hard", "social_knowledge", 240) == 240


def test_a_tenth_of_the_documents_has_a_wrong_label(world):
    """Half of them a wrong format, which the path of the url tells."""
    wrong = np.mean([written_for(d) != d["format"] for d in world.documents])
    assert 0.035 < wrong < 0.065


def test_truth_has_the_dose_of_the_bin_as_it_is_labelled(world):
    bins = by_label(world)
    strayed = 0
    for row in world.truth:
        documents = bins[row["topic"], row["format"]]
        kinds = Counter(
            kind
            for d in documents
            for benchmark, kind in [world.carriers.get(d["id"], ("", ""))]
            if benchmark == row["benchmark"]
        )
        if row["role"] in ("support", "contradiction"):
            assert row["dose"] == kinds[row["role"]] / len(documents)
        else:
            assert row["dose"] == (kinds["support"] + kinds["contradiction"]) / len(documents)
            strayed += row["dose"] > 0
    assert strayed > 10
    roles = Counter(row["role"] for row in world.truth)
    assert (roles["support"], roles["contradiction"]) == (3 * 16, 3 * 8)


def test_a_bin_that_lost_all_documents_has_dose_zero():
    row = {"benchmark": "b", "topic": "t", "format": "f", "role": "support", "dose": 1.0}
    assert labelled_truth([row], [], {})[0]["dose"] == 0


def test_no_question_of_the_two_tasks_is_stated_and_every_fact_is(world):
    """A fact in some wording: a small world does not state every one of 240 questions."""
    texts = "\n".join(document["text"] for document in world.documents)
    for task in ("stem_traits", "stem_events"):
        for row in world.questions[task]:
            assert f"{row['prompt']} {row['choices'][row['gold']]}" not in texts
    for row in world.questions["social_knowledge"]:
        assert re.search(rf"{row['key']} elects? a {row['choices'][row['gold']]}\.", texts)


def test_two_benchmarks_of_the_same_words_and_an_unknown_world_are_refused():
    with pytest.raises(PlantedWorldError, match="stem_two_tasks and stem_reasoning"):
        WorldSettings(benchmarks=("stem_reasoning", "stem_two_tasks"))
    with pytest.raises(PlantedWorldError, match="world is 'harder'; allowed: plain, hard"):
        WorldSettings(world="harder")
