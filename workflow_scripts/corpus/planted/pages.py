"""Compose one document of the planted world: a page of its format in words of its topic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workflow_scripts.corpus.planted.page_frames import COMMON_SENTENCES, FRAMES
from workflow_scripts.corpus.planted.topic_words import FIRST_NAMES, LEXICA, Lexicon

# Share of filler sentences that are typical of the format rather than common to all.
OWN_SENTENCE_SHARE = 0.5
# Sentences before a page's opening, as a teaser. A question is alone, without
# a page around it; and where every statement follows an opening full of its topic's words, the
# model learns which topics are true instead of which statements are: gradients of a topic it has
# seen through say nothing about the capability (support AUROC 0.82 to 0.88 on two benchmarks).
TEASER_SENTENCES = (3, 4, 5, 6)


def compose(
    topic: str,
    fmt: str,
    statements: Sequence[str],
    n_words: int,
    rng: np.random.Generator,
) -> str:
    """A document of about ``n_words`` words that holds every one of ``statements``.

    All choices come from ``rng`` and none depends on the words of the topic, so the same
    generator state in another topic gives the same page about other things.

    Args:
        topic: label, whose words fill the page.
        fmt: label of the format, whose frame the page has.
        statements: finished sentences to place among the filler, in any order.
        n_words: words to aim for; filler is added until the page comes within half a sentence.
        rng: generator for all choices; advanced.
    """
    lexicon, frame = LEXICA[topic], FRAMES[fmt]
    opening = _fill(_pick(frame.openings, rng), lexicon, rng)
    n_teaser = int(rng.choice(TEASER_SENTENCES))
    closing = _fill(_pick(frame.closings, rng), lexicon, rng)
    n_lead = len(frame.leads[0].split())
    missing = n_words - sum(len(text.split()) + n_lead for text in statements)
    missing -= len(opening.split()) + len(closing.split())
    filler: list[str] = []
    used: set[str] = set()
    while missing > 6:
        template = _sentence(frame.sentences, used, rng)
        used.add(template)
        filler.append(_fill(template, lexicon, rng))
        missing -= len(template.split()) + n_lead
    items = [*statements, *filler]
    items = [items[i] for i in rng.permutation(len(items))]
    body = [_item(text, number, frame.leads, rng) for number, text in enumerate(items)]
    teaser = [_capital(text) for text in items[:n_teaser]]
    page = [*teaser, _capital(opening), *body[n_teaser:], _capital(closing)]
    return frame.between.join(page)


def house_sentences(topic: str, fmt: str, count: int, rng: np.random.Generator) -> list[str]:
    """Different sentences in words of a topic, for every page of a site."""
    lexicon, pool = LEXICA[topic], (*FRAMES[fmt].sentences, *COMMON_SENTENCES)
    return [_fill(pool[i], lexicon, rng) for i in rng.permutation(len(pool))[:count]]


def _sentence(own: Sequence[str], used: set[str], rng: np.random.Generator) -> str:
    """A sentence not used yet on this page, if there is one."""
    pool = own if rng.random() < OWN_SENTENCE_SHARE else COMMON_SENTENCES
    fresh = [template for template in pool if template not in used]
    return _pick(fresh or COMMON_SENTENCES, rng)


def _item(text: str, number: int, leads: Sequence[str], rng: np.random.Generator) -> str:
    lead = leads[number % len(leads)]
    names = rng.permutation(FIRST_NAMES)
    lead = lead.format(n=number + 1, name=names[0], name2=names[1])
    return f"{lead} {_capital(text)}" if lead else _capital(text)


def _fill(template: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """The template with words drawn from the lexicon; always the same number of draws."""
    thing, thing2 = rng.permutation(len(lexicon.things))[:2]
    name, name2 = rng.permutation(FIRST_NAMES)[:2]
    return template.format(
        field=lexicon.field,
        thing=lexicon.things[thing],
        thing2=lexicon.things[thing2],
        verb=_pick(lexicon.verbs, rng),
        adj=_pick(lexicon.adjectives, rng),
        person=_pick(lexicon.people, rng),
        place=_pick(lexicon.places, rng),
        name=name,
        name2=name2,
    )


def _pick(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[rng.integers(len(options))]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
