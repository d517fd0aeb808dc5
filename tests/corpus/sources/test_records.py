import pytest

from workflow_scripts.corpus.sources.records import (
    Document,
    Malformed,
    attribute_label,
    best_label,
    read_document,
    site_of,
)

GOOD = {"id": "a", "text": "two words", "topic": "health", "format": "faq", "url": "x.org"}


def test_good_row_becomes_a_document(made_up):
    found = read_document(GOOD, made_up.table)
    assert found == Document("a", "two words", "health", "faq", "x.org", None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "missing_id"),
        ({"id": ""}, "invalid_id"),
        ({"id": 1.5}, "invalid_id"),
        ({"id": True}, "invalid_id"),
        ({"text": None}, "missing_text"),
        ({"text": ["a b"]}, "invalid_text"),
        ({"text": " \n"}, "empty_text"),
        ({"text": "word"}, "one_word_text"),
        ({"text": "half \ud800 pair"}, "invalid_unicode"),
        ({"topic": None}, "missing_topic"),
        ({"topic": "Healthy"}, "unknown_topic"),
        ({"topic": 3}, "unknown_topic"),
        ({"format": "poem"}, "unknown_format"),
    ],
)
def test_malformed_rows_say_why(made_up, change, reason):
    assert read_document({**GOOD, **change}, made_up.table).reason == reason


def test_label_outside_the_taxonomy_names_the_nearest(made_up):
    problem = read_document({**GOOD, "topic": "helth"}, made_up.table)
    assert (
        "'helth' is not one of the 24 WebOrganizer topics; did you mean 'health'?" in problem.detail
    )


def test_absent_column_and_null_are_told_apart(made_up):
    row = {name: value for name, value in GOOD.items() if name != "text"}
    assert "is missing" in read_document(row, made_up.table).detail
    assert "is null" in read_document({**row, "text": None}, made_up.table).detail


def test_whole_number_ids_become_text_and_long_words_are_no_short_text(made_up):
    assert read_document({**GOOD, "id": 12}, made_up.table).doc_id == "12"
    assert isinstance(read_document({**GOOD, "text": "x" * 40}, made_up.table), Document)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.Example.org/a?b", "example.org"),
        ("http://archives2.getty.edu:8082/xtf/view?docId=1", "archives2.getty.edu"),
        ("//cdn.example.org", None),
        ("example.org/page", "example.org"),
        ("WWW.example.co.uk", "example.co.uk"),
        ("wwwhat.org", "wwwhat.org"),
        ("pallets/jinja docs/api.rst", None),
        ("common-crawl", None),
        ("notes.txt and more", None),
        ("http://[bad", None),
        ("", None),
    ],
)
def test_site_is_the_host_and_free_text_is_none(url, site):
    assert site_of(url) == site


def test_id_that_is_a_url_gives_the_site_where_no_url_does(made_up):
    row = {**GOOD, "id": "https://www.site.org/1", "url": None}
    assert read_document(row, made_up.table).url_domain == "site.org"
    assert read_document({**row, "url": "b.org"}, made_up.table).url_domain == "b.org"
    assert read_document({**row, "id": "x"}, made_up.table).url_domain is None


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("health", "health"),
        ([[0, 10, "games"], [10, 90, "health"]], "health"),
        ([], None),
        ({"health": 0.7, "games": 0.2}, "health"),
        ({"health": [[0, 9, 0.2]], "games": [[0, 9, 0.8]]}, "games"),
        ({"games": 0.5, "art_and_design": 0.5}, "art_and_design"),
        ({}, None),
        (None, None),
    ],
)
def test_labels_are_read_in_every_value_style(value, label):
    assert best_label(value) == label


def test_one_attribute_per_class_is_read_by_common_beginning():
    attributes = {"t__health": [[0, 50, 0.3]], "t__games": [[0, 50, 0.6]], "f__faq": [[0, 50, 1.0]]}
    assert attribute_label(attributes, "t__*") == "games"
    assert attribute_label(attributes, "f__*") == "faq"
    assert attribute_label(attributes, "t__health") == 0.3
    assert attribute_label({}, "t__*") is None


def test_dolma_labels_come_from_dotted_path_and_attributes(made_up):
    raw = {
        "id": "http://www.x.org/1",
        "text": "two words",
        "source": "cc",
        "metadata": {"labels": {"format": "faq"}},
        "attributes": {"labels": {"topic": [[0, 9, "health"]]}},
    }
    expected = Document("http://www.x.org/1", "two words", "health", "faq", "x.org", "cc")
    assert read_document(raw, made_up.dolma) == expected
    bare = {**raw, "metadata": "none"}
    assert read_document(bare, made_up.dolma) == Malformed(
        "missing_format", "format ('metadata.labels.format') is missing"
    )


@pytest.mark.parametrize(
    ("topic", "format_"),
    [
        ("__label__health", "__label__faq"),
        (" Health ", "FAQ"),
        ({"__label__health": 0.9, "__label__games": 0.1}, {"__label__faq": 0.8}),
        (["health"], [[0, 9, "faq"]]),
    ],
)
def test_labels_are_read_as_they_are_published(made_up, topic, format_):
    found = read_document({**GOOD, "topic": topic, "format": format_}, made_up.table)
    assert (found.topic, found.format) == ("health", "faq")


def test_blank_and_undefined_labels_are_missing(made_up):
    for value in (" ", "", float("nan"), [], {}):
        assert read_document({**GOOD, "topic": value}, made_up.table).reason == "missing_topic"


def test_numbers_stored_with_a_point_are_numbers(made_up):
    layout = {**made_up.table, "topics": ["games", "health"]}
    assert read_document({**GOOD, "topic": 1.0}, layout).topic == "health"
    assert read_document({**GOOD, "topic": "1"}, layout).topic == "health"
    assert "is the number 7" in read_document({**GOOD, "topic": "7"}, layout).detail
    assert read_document({**GOOD, "topic": 1.5}, layout).reason == "unknown_topic"


def test_malformed_rows_are_counted_under_their_labels(made_up):
    def labels(**change):
        return read_document({**GOOD, **change}, made_up.table).labels

    assert labels(text="") == ("health", "faq")
    assert labels(topic="__label__Cooking") == ("__label__Cooking",)
    assert labels(topic=None) == ("faq",)


@pytest.mark.parametrize("text", ["今日は天気がいいですね。", "ราคาถูกมาก", "水壶很热"])
def test_sentence_without_blanks_is_a_document(made_up, text):
    """Chinese, Japanese and Thai sentences were refused as one word."""
    assert isinstance(read_document({**GOOD, "text": text}, made_up.table), Document)
    assert read_document({**GOOD, "text": text[:2]}, made_up.table).reason == "one_word_text"
