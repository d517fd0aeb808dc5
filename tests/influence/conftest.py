"""Fixtures of the influence tests: simulated maps and the published matrix."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def published() -> Path:
    """The published 576 x 4 matrix; the test is skipped without it."""
    folder = Path(os.environ.get("ATLAS_REFERENCE_DATA", ROOT.parent / "shared" / "reference"))
    path = folder / "published_bin_influence.csv"
    if not path.is_file():
        pytest.skip(f"no published matrix at {path}; set ATLAS_REFERENCE_DATA to its folder")
    return path
