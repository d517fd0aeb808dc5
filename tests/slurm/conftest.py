"""A loopback Slurm cluster of two nodes, and a small study finished on this machine."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.slurm.runs import CONFIG, Lab, artifacts
from tests.workflow.clone import Clone

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch")
MISSING_HINT = "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"


@pytest.fixture(scope="session")
def lab():
    """The running cluster; the tests that need it are skipped where Slurm is not installed."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [name for name in DAEMONS if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"no Slurm here ({', '.join(missing)} missing): {MISSING_HINT}")
    # Not under pytest's own folder: the path of a socket must be short, and open to munged.
    folder = Path(tempfile.mkdtemp(prefix="lab-"))
    folder.chmod(0o755)
    lab = Lab(folder / "state", free_port())
    lab.call("up", "2")
    try:
        yield lab
    finally:
        lab.call("down")
        shutil.rmtree(folder)


def free_port():
    """First of a row of ports of which those that two nodes use are free."""
    for base in range(17810, 27810, 20):
        try:
            for port in (base, base + 10, base + 11):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no free ports for a cluster")


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """The small study, finished on this machine without Slurm."""
    clone = Clone(tmp_path_factory.mktemp("reference") / "atlas")
    code, text = clone.run(*CONFIG)
    assert code == 0, text[-5000:]
    return clone


@pytest.fixture(scope="session")
def expected(reference):
    """Digest of every artifact of the finished study."""
    return artifacts(reference)


@pytest.fixture(autouse=True)
def calm(request):
    """No test starts while jobs of the one before are still in the queue."""
    yield
    if "lab" in request.fixturenames:
        lab = request.getfixturevalue("lab")
        subprocess.run(["scancel", "--user", str(os.getuid())], env=lab.environment(), check=False)
        deadline = time.monotonic() + 60
        while lab.jobs() and time.monotonic() < deadline:
            time.sleep(0.5)
