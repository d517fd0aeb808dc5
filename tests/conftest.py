"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TQDM_DISABLE", "1")
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


# What takes longest goes first, so that two workers end at about the same time.
FIRST = ("tests/workflow/test_demo_study.py", "tests/workflow/test_real_text.py")


SMALL = "small study"


def worker_group(item) -> str:
    """Tests that one worker runs: those of the finished small study, else those of a file."""
    return SMALL if "small" in item.fixturenames else item.nodeid.split("::")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items) -> None:
    """Keep together what shares a finished study, for ``pytest -n 2 --dist loadgroup``."""
    groups = {item: worker_group(item) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: groups[item] not in (*FIRST, SMALL))
