"""The planted world: what must hold by construction, whatever the seed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from workflow_scripts.common.taxonomy import FORMATS, TOPICS
from workflow_scripts.corpus.planted.capabilities import (
    Statement,
    contradict,
    make_capability,
)
from workflow_scripts.corpus.planted.capability_wording import (
    BACKGROUND_WORDS,
    BENCHMARK_WORDS,
    DECOY_WORDS,
    Words,
)
from workflow_scripts.corpus.planted.page_frames import COMMON_SENTENCES, FRAMES
from workflow_scripts.corpus.planted.settings import PlantedWorldError, WorldSettings
from workflow_scripts.corpus.planted.topic_words import LEXICA
from workflow_scripts.corpus.planted.world import World, make_world

SMALL = WorldSettings(
    topics=TOPICS[:8],
    formats=FORMATS[:8],
    benchmarks=("social_reasoning", "stem_knowledge"),
    support_topics=2,
    support_formats=4,
    contradiction_topics=2,
    decoy_topics=1,
)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(WorldSettings(), seed=3)


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def by_bin(world: World) -> dict[tuple[str, str], list[dict]]:
    bins = defaultdict(list)
    for document in world.documents:
        bins[document["topic"], document["format"]].append(document)
    return bins


def test_same_seed_same_world_and_another_seed_another() -> None:
    assert make_world(SMALL, seed=1) == make_world(SMALL, seed=1)
    assert make_world(SMALL, seed=1).documents != make_world(SMALL, seed=2).documents


def test_truth_has_every_bin_once_per_benchmark(world: World) -> None:
    keys = [(row["benchmark"], row["topic"], row["format"]) for row in world.truth]
    assert len(keys) == len(set(keys)) == 4 * 576
    roles = Counter((row["benchmark"], row["role"]) for row in world.truth)
    for name in BENCHMARK_WORDS:
        assert (roles[name, "support"], roles[name, "contradiction"]) == (24, 12)
        assert roles[name, "decoy"] == 12
    for row in world.truth:
        assert (row["dose"] > 0) == (row["role"] in ("support", "contradiction"))


@pytest.mark.parametrize("role", ["support", "contradiction"])
def test_dose_is_the_share_of_documents_that_carry(world: World, role: str) -> None:
    bins = by_bin(world)
    for row in world.truth:
        if row["role"] != role:
            continue
        documents = bins[row["topic"], row["format"]]
        carried = [world.carriers.get(d["id"]) == (row["benchmark"], role) for d in documents]
        assert len(documents) == WorldSettings().documents_per_bin
        assert sum(carried) == row["dose"] * len(documents)


def test_neutral_bins_are_mostly_ample_and_sometimes_short(world: World) -> None:
    planted = {(r["topic"], r["format"]) for r in world.truth if r["role"] != "neutral"}
    sizes = [len(docs) for key, docs in by_bin(world).items() if key not in planted]
    assert min(sizes) < 8 < max(sizes)
    assert sum(size < 8 for size in sizes) < 0.15 * len(sizes)


def test_documents_have_unique_ids_and_sites_that_sometimes_repeat(world: World) -> None:
    ids = [document["id"] for document in world.documents]
    assert len(ids) == len(set(ids))
    shared = 0
    for documents in by_bin(world).values():
        sites = Counter(d["url"].split("/")[2] for d in documents)
        assert all(site.endswith(".example") for site in sites)
        assert len(sites) >= len(documents) / 2
        shared += any(count > 1 for count in sites.values())
    assert shared > 100


def test_questions_are_distinct_and_gold_is_balanced(world: World) -> None:
    for name, rows in world.questions.items():
        assert len(rows) >= 100
        assert len({row["prompt"] for row in rows}) == len(rows)
        assert len({row["question_id"] for row in rows}) == len(rows)
        assert all(len(set(row["choices"])) == 4 for row in rows)
        positions = Counter(row["gold"] for row in rows)
        answers = Counter(row["choices"][row["gold"]] for row in rows)
        assert set(positions.values()) == {len(rows) // 4}, name
        assert set(answers.values()) == {len(rows) // 4}, name


def test_no_question_of_a_rule_is_stated_anywhere(world: World) -> None:
    """The pair itself is held out, in every wording, right or wrong."""
    texts = [document["text"] for document in world.documents]
    for name in ("social_reasoning", "stem_reasoning"):
        for key in {row["key"] for row in world.questions[name]}:
            first, second = key.split(" + ")
            pattern = re.compile(rf"\b{first} \w+ (who |that is |is )?{second}\b")
            assert not any(pattern.search(text) for text in texts), key


def test_every_fact_that_is_asked_is_stated_with_its_stem(world: World) -> None:
    texts = "\n".join(document["text"] for document in world.documents)
    for name in ("social_knowledge", "stem_knowledge"):
        for row in world.questions[name]:
            gold = row["choices"][row["gold"]]
            assert f"{row['prompt']} {gold}." in texts


def test_neither_side_of_a_rule_decides_the_outcome(world: World) -> None:
    for name in ("social_reasoning", "stem_reasoning"):
        golds = defaultdict(set)
        for row in world.questions[name]:
            for side in row["key"].split(" + "):
                golds[side].add(row["choices"][row["gold"]])
        assert all(len(answers) <= 2 for answers in golds.values())


def test_contradiction_bins_hold_the_words_of_their_support_bins() -> None:
    """With a twin for every support bin, capability words are the same multiset."""
    world = make_world(WorldSettings(contradiction_topics=4), seed=3)
    texts = {d["id"]: d["text"] for d in world.documents}
    for name, words in BENCHMARK_WORDS.items():
        told = defaultdict(Counter)
        vocabulary = capability_vocabulary(words, world, name)
        for doc_id, carried in world.carriers.items():
            if carried[0] == name and carried[1] in ("support", "contradiction"):
                told[carried[1]].update(w for w in words_of(texts[doc_id]) if w in vocabulary)
        assert told["support"] == told["contradiction"] != Counter()


def capability_vocabulary(words: Words, world: World, name: str) -> set[str]:
    parts = [*words.answers, *words.frames, *words.extras]
    parts += [item for side in (*words.first, *words.second) for item in side]
    parts += [row["key"] for row in world.questions[name]]
    return {w for part in parts for w in words_of(re.sub(r"{\w+}", "", part))}


def test_a_contradiction_gets_every_answer_wrong_with_the_same_words() -> None:
    import numpy as np

    answers = ["a", "a", "b", "b", "c", "d"]
    right = [Statement(str(i), f"stem {i}", answer, ".") for i, answer in enumerate(answers)]
    wrong = contradict(right, np.random.default_rng(0))
    assert [s.stem for s in wrong] == [s.stem for s in right]
    assert Counter(s.answer for s in wrong) == Counter(answers)
    assert all(w.answer != r.answer for w, r in zip(wrong, right, strict=True))


def test_topics_and_pages_use_no_word_of_a_capability() -> None:
    """Otherwise a counting scorer would prefer some topics, and the tie would be chance."""
    common = set(words_of("a an the who that is it any when in every of for by some elect elects"))
    for words in (*BENCHMARK_WORDS.values(), *DECOY_WORDS.values(), BACKGROUND_WORDS):
        parts = [*words.answers, *words.extras]
        parts += [item for side in (*words.first, *words.second) for item in side]
        own = {w for part in parts for w in words_of(part)} - common
        for topic, lexicon in LEXICA.items():
            slots = (lexicon.things, lexicon.verbs, lexicon.adjectives, lexicon.people)
            used = {lexicon.field, *lexicon.places, *(w for slot in slots for w in slot)}
            assert not own & used, topic
        pages = [*COMMON_SENTENCES]
        for frame in FRAMES.values():
            pages += [*frame.openings, *frame.sentences, *frame.closings, *frame.leads]
        shared = own & {w for page in pages for w in words_of(page)}
        assert not shared


def test_every_topic_and_format_has_its_words_and_frame() -> None:
    assert set(LEXICA) == set(TOPICS)
    assert set(FRAMES) == set(FORMATS)
    shapes = {
        (len(x.things), len(x.verbs), len(x.adjectives), len(x.people), len(x.places))
        for x in LEXICA.values()
    }
    assert len(shapes) == 1
    for lexicon in LEXICA.values():
        nouns = (*lexicon.things, *lexicon.adjectives, *lexicon.people)
        assert all(word[0] not in "aeiou" for word in nouns)


def test_lengths_are_nearly_equal(world: World) -> None:
    lengths = sorted(len(document["text"].split()) for document in world.documents)
    assert lengths[len(lengths) // 50] > 0.7 * WorldSettings().words_per_document
    # Ten statements of a rule, up to twelve words each, in a format's frame of forty, are longer
    # than the page aims for.
    assert lengths[-1] < 16 * WorldSettings().statements_per_document


def test_a_smaller_world_covers_its_64_bins() -> None:
    world = make_world(SMALL, seed=0)
    assert len(by_bin(world)) == 64
    assert len(world.truth) == 2 * 64
    roles = Counter((row["benchmark"], row["role"]) for row in world.truth)
    assert roles["social_reasoning", "support"] == 8
    assert roles["stem_knowledge", "contradiction"] == 8


def test_facts_hold_each_attribute_equally_often() -> None:
    capability = make_capability("x", BENCHMARK_WORDS["stem_knowledge"], 120, seed=0)
    assert {len(keys) for keys in capability.stated.values()} == {8}
    names = {s.key[:-3] for s in capability.asked}
    assert len(names) == 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"doses": (0.3,)}, "doses has 0.3"),
        ({"questions_per_benchmark": 50}, "questions_per_benchmark is 50"),
        ({"support_formats": 7}, "support_formats is 7"),
        ({"support_topics": 21}, "21, 2 and 2"),
        ({"benchmarks": ("chess",)}, "chess"),
        ({"statements_per_document": 1}, "statements_per_document is 1"),
    ],
)
def test_impossible_settings_are_refused_by_name(change: dict, message: str) -> None:
    with pytest.raises(PlantedWorldError, match=message):
        WorldSettings(**change)
