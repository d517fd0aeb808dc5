"""Sentence and page frames of the planted world: what each format looks like.

Slots: {field} {thing} {thing2} {verb} {adj} {person} {place} are words of the topic, {name} and
{name2} first names, {n} the item's number. The same plan is exactly as long in any topic.
"""

from __future__ import annotations

from dataclasses import dataclass

# Sentences that suit any format and any topic.
COMMON_SENTENCES = (
    "The {adj} {thing} in the {place} is easy to overlook.",
    "Most people {verb} the {thing} before they look at the {thing2}.",
    "A good {person} will {verb} every {thing} with care.",
    "There is always one more {thing} waiting in the {place}.",
    "Nobody agrees on how to {verb} a {thing} properly.",
    "It took us a week to {verb} the {adj} {thing}.",
    "Some prefer the {adj} {thing}, others the {thing2}.",
    "You can {verb} the {thing} without touching the {thing2}.",
    "The {person} kept a {thing} beside the door.",
    "A cheap {thing} rarely lasts longer than a season.",
    "We asked a {person} about the {thing}, and the reply was short.",
    "In the {place}, every {person} has a favourite {thing}.",
    "A {adj} {thing} deserves a second look.",
    "Without a {thing}, the {place} would seem empty.",
    "Many a {person} has tried to {verb} the {thing} in one day.",
)


@dataclass(frozen=True)
class Frame:
    """Sentence frames of a format: opening, item marks, filler and closing.

    ``leads`` go before the items in turn; ``between`` separates items.
    """

    openings: tuple[str, ...]
    sentences: tuple[str, ...]
    closings: tuple[str, ...]
    leads: tuple[str, ...] = ("",)
    between: str = " "


FRAMES = {
    "about_org": Frame(
        (
            "About us. We are a small {field} company founded by {name} in a {place}.",
            "Who we are: a team of six that has worked in {field} since the first {place} opened.",
        ),
        (
            "Our mission is to {verb} every {thing} our clients bring.",
            "Our team includes a {person} and a {adj} workshop.",
        ),
        ("Contact our office to learn more.", "Join us and meet the team."),
    ),
    "about_pers": Frame(
        (
            "Hi, I am {name}, a {person} with a weakness for every {thing}.",
            "My name is {name} and I have been a {person} for ten years.",
        ),
        (
            "In my free time I {verb} one {thing} after another.",
            "I live near a {place} with my {adj} {thing}.",
        ),
        ("Feel free to write to me.", "Thanks for visiting my page."),
    ),
    "academic_writing": Frame(
        (
            "Abstract. This paper examines the {adj} {thing} and its role in {field}.",
            "Abstract. We study how a {person} may {verb} the {thing} under field conditions.",
        ),
        (
            "Previous studies treat the {thing} as a special case of the {thing2}.",
            "Our sample is one {thing} from each {place}.",
        ),
        ("Further research is needed.", "We discuss the limits of these results."),
    ),
    "audio_transcript": Frame(
        (
            "[music] Welcome back to the {field} podcast, today with the {person} {name}.",
            "[intro] You are listening to the {field} hour from the {place}.",
        ),
        (
            "So, um, tell me about that {adj} {thing}.",
            "Right, and then you {verb} the {thing}, yeah?",
        ),
        ("HOST: That is all for today. [applause]", "HOST: Thank you for listening. [music]"),
        ("HOST:", "SPEAKER:"),
        "\n",
    ),
    "comment_section": Frame(
        (
            "Comments on: the {thing} everybody in {field} talks about",
            "Top comments under the {adj} {thing} post",
        ),
        ("lol, who would {verb} a {thing} like that?", "This {thing} is so {adj}, thanks!"),
        ("Load more comments", "Log in to reply"),
        ("@{name}:", "@{name2} wrote:"),
        "\n",
    ),
    "content_listing": Frame(
        ("Browse all pages in {field} | newest first", "Archive of the {field} section | page 2"),
        ("The {adj} {thing} and other stories (3 min)", "All about one {thing} (5 min)"),
        ("Next page | Previous page", "Show all entries"),
        ("*",),
        "\n",
    ),
    "creative_writing": Frame(
        (
            "The rain had not stopped when {name} walked into the {place}, after the {thing}.",
            "Once upon a time a {person} called {name} lived beside a {adj} {place}.",
        ),
        (
            '"Never {verb} the {thing}," whispered {name}.',
            "Outside, the {adj} {thing} glimmered in the moonlight.",
        ),
        ("And the night went on.", "Nobody ever spoke of it again."),
    ),
    "customer_support": Frame(
        (
            "Support ticket from {name}: my {thing} arrived and I cannot {verb} it.",
            "Dear support team, the {thing} I ordered does not fit the {thing2}.",
        ),
        (
            "Please send a picture of the {thing} and your order number.",
            "Have you tried to {verb} the {thing} again?",
        ),
        ("Kind regards, the support team", "This ticket is now closed."),
        ("Agent:", "Customer:"),
        "\n",
    ),
    "documentation": Frame(
        (
            "# Reference: {thing}\nThis section describes how to {verb} a {thing}.",
            "# Setup guide for the {thing}\nRequires a {adj} {thing2}.",
        ),
        (
            "Set the option `{thing}` before you {verb} the {thing2}.",
            "The default value is one {thing}.",
        ),
        ("See also: advanced options.", "Deprecated since version 2."),
        ("Note:", "-"),
        "\n",
    ),
    "faq": Frame(
        (
            "Frequently asked questions about {field} and the {adj} {thing}",
            "FAQ: everything visitors ask us about the {thing}",
        ),
        ("Yes, you may {verb} the {thing} at any time.", "No, the {thing} is never {adj}."),
        ("Still have a question? Ask us.", "Last updated in spring."),
        ("Q: What should I know first? A:", "Q: And what else? A:", "Q: Is there more? A:"),
        "\n",
    ),
    "knowledge_article": Frame(
        (
            "The {thing} is a {adj} object known from {field}.",
            "In {field}, the term {thing} refers to a kind of {thing2}.",
        ),
        (
            "The {thing} differs from the {thing2} in several respects.",
            "It is mainly found in the {place}.",
        ),
        ("See the related articles below.", "References are listed at the end."),
    ),
    "legal_notices": Frame(
        (
            "Terms of use. By entering the {place} you agree to the following conditions.",
            "Disclaimer. The owner of each {thing} accepts no liability for any {thing2}.",
        ),
        (
            "No person shall {verb} the {thing} without written consent.",
            "The {thing} is provided as is, without warranty.",
        ),
        ("All rights reserved.", "This notice is subject to change."),
        ("Section {n}.",),
        "\n",
    ),
    "listicle": Frame(
        (
            "Things about {field} that will surprise every {person}",
            "Our favourite facts for anyone who likes a {adj} {thing}",
        ),
        ("You will want to {verb} this {thing} at once!", "A {adj} {thing} beats any {thing2}."),
        ("Which one is your favourite?", "Share this list with a friend!"),
        ("{n}.",),
        "\n",
    ),
    "news_article": Frame(
        (
            "A {adj} {thing} caused debate on Friday, a {person} told reporters.",
            "Officials at the {place} confirmed on Sunday that the {thing} will stay.",
        ),
        (
            '"We had to {verb} the {thing}," said {name}, a {person}.',
            "Witnesses described a {adj} {thing} near the {place}.",
        ),
        ("More details are expected next week.", "The investigation continues."),
    ),
    "news_org": Frame(
        (
            "The {field} gazette | home | latest headlines | subscribe",
            "Today in {field}: headlines from the newsroom | live",
        ),
        ("BREAKING {person} to {verb} the {thing}", "OPINION Why the {adj} {thing} matters"),
        ("Subscribe to our newsletter | Imprint", "More headlines | Weather | Contact"),
        ("LATEST", "REPORT", "VIEWS"),
        "\n",
    ),
    "nonfiction_writing": Frame(
        (
            "For most of my life I have thought about the {thing} and what it says about {field}.",
            "It is tempting to see the {thing} as a {adj} accident, but the truth is more tangled.",
        ),
        (
            "To {verb} a {thing} is to accept a small risk.",
            "I keep returning to that {adj} {place}.",
        ),
        ("Perhaps that is enough.", "We know less than we pretend."),
    ),
    "personal_blog": Frame(
        (
            "Dear diary, today I finally got to {verb} the {thing}!",
            "What a week! {name} and I went to the {place} again.",
        ),
        ("Honestly, I love my {adj} {thing} so much.", "Then {name} began to {verb} a {thing}."),
        ("See you in my next post!", "That was my week, hugs."),
    ),
    "product_page": Frame(
        (
            "{adj} {thing}, new model, in stock, free delivery over 30 euros",
            "Buy the {adj} {thing} now, rated 4 of 5 by every {person}",
        ),
        ("Fits any {thing2} and is simple to {verb}.", "Colour: black. Size: one {thing}."),
        ("Add to basket", "Sold and shipped by the {place} shop"),
        ("+",),
        "\n",
    ),
    "q_a_forum": Frame(
        (
            "Question: how do I {verb} a {thing} in the {place}? asked by {name}",
            "Question: which {thing} would a {person} choose? posted by {name}",
        ),
        ("I had the same problem with my {thing}.", "Just {verb} the {adj} {thing} and try again."),
        ("Marked as solved.", "Thread closed by a moderator."),
        ("Answer from {name}:", "Reply:"),
        "\n",
    ),
    "spam_ads": Frame(
        (
            "!!! BEST {thing} deals !!! click here, limited offer for every {person}",
            "WIN a {adj} {thing} TODAY, no credit card, 100% free",
        ),
        (
            "Order one {thing} and {verb} the second for free!!!",
            "Doctors hate this {adj} {thing}!!!",
        ),
        ("CLICK HERE NOW", "unsubscribe | offer ends tonight"),
        (">>>", "HOT!"),
        "\n",
    ),
    "structured_data": Frame(
        (
            "table: {field} | columns: row, note | source: {place}",
            "dataset {field} v1 | key: {thing} | unit: none",
        ),
        ("{thing}: yes; {thing2}: no; state: {adj}", "item={thing}, count=4, site={place}"),
        ("end of table", "rows shown: all"),
        ("row {n} |",),
        "\n",
    ),
    "truncated": Frame(
        (
            "... and this is why the {thing} in the {place} was never",
            "... continued from page one, where the {person} had begun to {verb}",
        ),
        ("The {adj} {thing}, as we will see,", "Later that {thing} became"),
        ("Read the full story at ...", "The rest of this page is only for mem..."),
    ),
    "tutorial": Frame(
        (
            "How to {verb} a {thing}: what you need is a {thing2} and patience.",
            "In this guide for beginners you learn to {verb} the {adj} {thing}.",
        ),
        ("Now {verb} the {thing} until it looks {adj}.", "Put the {thing} next to the {thing2}."),
        ("Well done, you are finished!", "Now practise on your own."),
        ("Step {n}:",),
        "\n",
    ),
    "user_review": Frame(
        (
            "Rating: 4 of 5 stars. I bought this {thing} for the {place} and use it daily.",
            "Rating: 2 of 5 stars. The {thing} looked {adj} in the pictures, but it was not.",
        ),
        ("My {person} said to {verb} it, so I did.", "For the price, a very {adj} {thing}."),
        ("Would buy again.", "12 people found this helpful."),
    ),
}
