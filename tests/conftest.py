"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("TQDM_DISABLE", "1")
# Two workers with a thread per core each wait for one another: the tests of sketches and of
# forgetting took three times the processor's time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with real benchmark files and labelled texts; the test is skipped without it."""
    folder = Path(os.environ.get("ATLAS_REAL_DATA", ROOT.parent / "shared" / "real"))
    if not folder.is_dir():
        pytest.skip(f"no real inputs at {folder}; set ATLAS_REAL_DATA to a folder that holds them")
    return folder


# The longest tests go first, so that two workers end at about the same time.
LONGEST = ("tests/workflow/test_demo_study.py", "tests/workflow/test_real_text.py")
# These look at one finished small study (fixture ``small``), which each worker would make again.
OF_SMALL = tuple(f"tests/workflow/test_{name}.py" for name in ("kills", "reruns", "small_study"))


def pytest_collection_modifyitems(items) -> None:
    """Put the longest first; the order within a file stays."""
    items.sort(key=lambda item: not item.nodeid.startswith((*LONGEST, *OF_SMALL)))


class ByFile(LoadScopeScheduling):
    """Tests of a file go to one worker, and those of the small study all to the same."""

    def _split_scope(self, nodeid: str) -> str:
        return "small" if nodeid.startswith(OF_SMALL) else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log) -> ByFile:
    """Share tests out so, whatever ``--dist`` says."""
    return ByFile(config, log)
