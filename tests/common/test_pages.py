"""The pages of the documentation: every link leads somewhere, every file they name is there."""

import re

import pytest

from tests.common.documented import PAGES
from tests.workflow.clone import ROOT

ALL_PAGES = (*PAGES, ROOT / "CHANGELOG.md")
FOLDERS = (
    "workflow_scripts",
    "rules",
    "schemas",
    "tests",
    "benchmarks",
    "docs",
    "profiles",
    "envs",
)
# Files that a page asks its reader to write, and paths that start at a stage's folder.
NOT_HERE = {"benchmarks/kitchen_safety.yaml", "benchmarks/lm_eval_adapter.py"}


def anchors(page):
    """The anchors that a page's headings have on the web."""
    headings = re.findall(r"^#+ +(.+)", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


def broken_links(page, text):
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = link.partition("#")
        if link.startswith("http"):
            continue
        target = page.parent / file if file else page
        if not target.exists():
            yield f"{link} leads nowhere"
        elif anchor and anchor not in anchors(target):
            yield f"{link}: {target.name} has no such heading"


def missing_files(text):
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[^`\s<>*{{}}]+)`", text)
    return [path for path in named if path not in NOT_HERE and not (ROOT / path).exists()]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere_and_named_files_are_there(page):
    text = page.read_text()
    assert not list(broken_links(page, text))
    assert not missing_files(text)


def test_contents_name_every_page():
    index = ROOT / "docs" / "index.md"
    contents = index.read_text()
    assert not [page for page in ALL_PAGES if page != index and f"{page.name})" not in contents]


def test_commands_that_moved_are_listed_with_modules_that_are_there():
    """Old names lead nowhere now; each has a row that says where it went."""
    code = ROOT / "workflow_scripts"
    rows = re.findall(r"^\| `([\w.]+)` \| `([\w.]+)` \|$", ALL_PAGES[-1].read_text(), re.MULTILINE)
    assert rows
    for old, new in rows:
        assert not (code / old.replace(".", "/")).with_suffix(".py").exists(), old
        assert (code / new.replace(".", "/")).with_suffix(".py").exists(), new


def test_broken_links_and_missing_files_are_seen():
    page = ROOT / "docs" / "index.md"
    text = (
        "[a](none.md) [b](reading.md#none) [c](reading.md#reliability-influencereliabilityparquet)"
    )
    assert [each.split()[0] for each in broken_links(page, text)] == [
        "none.md",
        "reading.md#none:",
    ]
    assert missing_files("`rules/none.smk` and `rules/corpus.smk`") == ["rules/none.smk"]
