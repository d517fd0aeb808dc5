"""A scorer of one's own takes two files: a line in the registry, and a module that scores."""

import subprocess
import sys

import pytest

from tests.workflow.clone import Clone

REGISTRY = "workflow_scripts/validation/scorers.py"
LINE = 'Scorer("overlap", "shared words", "texts", "listed", module="overlap", needs=("texts",))'
MODULE = '''"""The scorer ``overlap``: share of a question's words that a document holds."""

import numpy as np

from workflow_scripts.influence.uncertainty.variance_components import GroupMeans


def words(texts):
    """The words of each text."""
    return [set(text.lower().split()) for text in texts]


def map_bins(names, given):
    """Group means by shared words, for every benchmark."""
    working, documents, maps = given.working, words(given.texts), []
    for asked in map(words, given.questions):
        scores = np.array([[len(own & each) / len(each) for each in asked] for own in documents])
        sums = np.zeros((len(working.groups), len(asked)))
        np.add.at(sums, working.owner, scores)
        means = sums / working.counts[:, None]
        maps.append(GroupMeans(*working.groups.T, working.counts, means))
    return dict.fromkeys(names, maps)
'''
TEST = """import numpy as np

from tests.validation.baselines.test_score_texts import (
    assert_bins_are_means,
    questions,
    run,
    texts,  # noqa: F401
)
from workflow_scripts.common.tables import read_table


def test_a_bin_is_the_mean_share_of_words(corpus, texts):  # noqa: F811
    table = read_table(run(corpus, texts, scorer="overlap"), "influence/bin_influence")
    scores = [
        [np.mean([word in text.split() for word in set(each.lower().split())])
         for each in questions()]
        for text in texts
    ]
    assert 0 < np.max(scores) < 1
    assert_bins_are_means(corpus, table, np.array(scores))
"""
OWN = "tests/validation/baselines/test_overlap.py"
# What holds the registry, the rooms and the reference pages.
HOLDING = (
    "tests/validation/test_scorers.py",
    "tests/test_rooms.py",
    "tests/tools/test_reference_pages.py",
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("scorer") / "atlas")
    registry = clone.folder / REGISTRY
    before, length, after = registry.read_text().partition('    Scorer("length"')
    assert length
    registry.write_text(f"{before}    {LINE},\n{length}{after}")
    (clone.folder / "workflow_scripts/validation/baselines/overlap.py").write_text(MODULE)
    (clone.folder / OWN).write_text(TEST)
    return clone


def asked(*names):
    return "--config", f"validation={{scorers: [{', '.join(names)}]}}"


def test_a_study_may_ask_for_it(clone):
    code, text = clone.run("--dry-run", "compare_scorers", *asked("overlap", "length"))
    assert code == 0, text[-3000:]
    assert "results/planted/validation/bins/overlap.parquet" in text
    code, text = clone.run("--dry-run", *asked("overlop"))
    assert code != 0
    assert "did you mean 'overlap'?" in text


def test_it_is_scored_and_nothing_else_is_to_be_changed(clone):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", OWN, *HOLDING],
        cwd=clone.folder,
        env=clone.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:]
