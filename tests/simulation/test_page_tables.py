"""Docs pages hold the tables that are made of the simulated rates."""

import pytest

from workflow_scripts.simulation.page_tables import DOCS, pages, with_table


def test_the_pages_are_those_of_the_committed_rates():
    for page, text in pages().items():
        assert (DOCS / page).read_text() == text, f"{page} is not that of its rates: make docs"


def test_a_table_takes_the_place_of_the_one_between_its_marks():
    page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n"
    assert with_table(page, "x", "| new |") == "a\n<!-- x -->\n\n| new |\n\n<!-- end of x -->\nb\n"
    with pytest.raises(ValueError, match="needs the marks <!-- y -->"):
        with_table(page, "y", "")
