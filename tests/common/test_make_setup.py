"""The environment that make sets up: where .venv is a link, and with the Python that is named."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.workflow.clone import MAKES_OWN, ROOT

# In the place of pip: packages take minutes, and what is tested is where they would go.
PIP = '#!/bin/sh\necho "$0 $@" >> calls\nexit 0\n'


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "envs").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for path in (ROOT / "envs").glob("*.txt"):
        shutil.copy(path, folder / "envs")
    return folder


def make(folder, *words):
    kept = {name: os.environ[name] for name in os.environ if name not in MAKES_OWN}
    return subprocess.run(
        ["make", *words], cwd=folder, env=kept, capture_output=True, text=True, timeout=60
    )


def ready(place):
    """An environment as far as make looks: its Python."""
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text(PIP)
    (place / "bin" / "python").chmod(0o755)


def test_a_linked_environment_is_used_and_not_made_again(project, tmp_path):
    ready(tmp_path / "elsewhere")
    (project / ".venv").symlink_to(tmp_path / "elsewhere")
    for _ in range(2):
        done = make(project, "setup")
        assert done.returncode == 0, done.stderr
    (call,) = (project / "calls").read_text().splitlines()
    assert call.startswith(".venv/bin/python -m pip install") and "envs/constraints.txt" in call
    assert (project / ".venv").is_symlink()
    assert (tmp_path / "elsewhere" / ".installed").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_an_environment_that_cannot_be_written_is_used_as_it_is(project, tmp_path):
    ready(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o555)
    (project / ".venv").symlink_to(tmp_path / "elsewhere")
    assert make(project, "setup").returncode == 0


@pytest.mark.parametrize("there", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_link_to_a_folder_that_is_empty_or_not_there_is_filled(project, tmp_path, there):
    """venv refuses a link; what it points to is made in its place."""
    if there:
        (tmp_path / "disk").mkdir()
    (project / ".venv").symlink_to(tmp_path / "disk")
    done = make(project, f"PYTHON={sys.executable}", ".venv/bin/python")
    assert done.returncode == 0, done.stderr
    assert (project / ".venv").is_symlink()
    assert (tmp_path / "disk" / "bin" / "python").exists()


def test_a_python_that_is_too_old_is_refused_by_its_version(project, tmp_path):
    old = tmp_path / "python-old"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 9); $2"\n'
    )
    old.chmod(0o755)
    done = make(project, f"PYTHON={old}", "setup")
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
