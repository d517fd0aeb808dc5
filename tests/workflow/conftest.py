"""The small study, run once for all tests that look at a finished one."""

import pytest

from tests.workflow.clone import Clone

SMALL = ("--configfile", "tests/config/small.yaml")


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The project with its small study finished."""
    clone = Clone(tmp_path_factory.mktemp("small") / "atlas")
    code, text = clone.run(*SMALL)
    assert code == 0, text[-5000:]
    return clone
