"""The WebOrganizer taxonomy: 24 topics x 24 formats = 576 bins.

A bin's key is its pair of labels. Numbers differ between releases of the taxonomy, so no
artifact stores one; inside a process ``bin_index`` gives the position in ``BINS``.
"""

from workflow_scripts.common.errors import DataError

TOPICS = (
    "adult_content",
    "art_and_design",
    "crime_and_law",
    "education_and_jobs",
    "electronics_and_hardware",
    "entertainment",
    "fashion_and_beauty",
    "finance_and_business",
    "food_and_dining",
    "games",
    "health",
    "history_and_geography",
    "home_and_hobbies",
    "industrial",
    "literature",
    "politics",
    "religion",
    "science_math_and_technology",
    "social_life",
    "software",
    "software_development",
    "sports_and_fitness",
    "transportation",
    "travel_and_tourism",
)

FORMATS = (
    "about_org",
    "about_pers",
    "academic_writing",
    "audio_transcript",
    "comment_section",
    "content_listing",
    "creative_writing",
    "customer_support",
    "documentation",
    "faq",
    "knowledge_article",
    "legal_notices",
    "listicle",
    "news_article",
    "news_org",
    "nonfiction_writing",
    "personal_blog",
    "product_page",
    "q_a_forum",
    "spam_ads",
    "structured_data",
    "truncated",
    "tutorial",
    "user_review",
)

BINS = tuple((topic, format_) for topic in TOPICS for format_ in FORMATS)

_INDEX = {pair: index for index, pair in enumerate(BINS)}


def bin_index(topic: str, format_: str) -> int:
    """Position of a bin in ``BINS``, in [0, 576).

    Raises:
        DataError: a label is outside the taxonomy.
    """
    try:
        return _INDEX[topic, format_]
    except KeyError:
        raise DataError(_label_problem(topic, format_)) from None


def _label_problem(topic: str, format_: str) -> str:
    """Say which label is outside the taxonomy."""
    if topic not in TOPICS:
        return f"topic {topic!r} is not one of the {len(TOPICS)} WebOrganizer topics"
    return f"format {format_!r} is not one of the {len(FORMATS)} WebOrganizer formats"


def display_name(label: str) -> str:
    """Readable form of a label for figures: ``q_a_forum`` becomes ``Q&A forum``."""
    special = {
        "q_a_forum": "Q&A forum",
        "faq": "FAQ",
        "about_org": "About (organisation)",
        "about_pers": "About (personal)",
        "news_org": "News (organisation)",
        "spam_ads": "Spam / ads",
        "science_math_and_technology": "Science, math & technology",
    }
    if label in special:
        return special[label]
    words = label.replace("_and_", " & ").replace("_", " ")
    return words[0].upper() + words[1:]
