"""The reference pages are in step with the schemas."""

import pytest

from workflow_scripts.tools.reference_pages import PAGES, ROOT


@pytest.mark.parametrize("path", PAGES)
def test_page_is_what_the_schemas_say(path):
    assert (ROOT / path).read_text() == PAGES[path](), "run `make docs`"
