"""kill -9 of Snakemake while a job of it writes; then the same command alone: the same bytes."""

import os
import signal
import subprocess
import time

import pytest

from tests.workflow.conftest import SMALL
from workflow_scripts.common.files import file_digest


def results(small, *parts):
    return small.folder.joinpath("results", "small", *parts)


def kill_once(small, words, there, jobs=False):
    """Start the workflow and ``kill -9`` Snakemake once ``there()``.

    Its job goes on and is left to the next run, unless ``jobs`` are killed with it.
    """
    process = subprocess.Popen(
        small.command(*words),
        cwd=small.folder,
        env=small.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not there():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if jobs:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


@pytest.mark.slow
def test_killed_training_resumes_to_the_same_bytes(small):
    """Killed once a state is on disk; the training that goes on is stopped by the next run."""
    words = (*SMALL, "--config", "study=killed", "--", "results/killed/model/model.json")
    folder = small.folder / "results" / "killed"
    kill_once(small, words, lambda: list(folder.glob(".state/train_model/*.pt")))
    assert not (folder / "model" / "model.safetensors").exists()
    code, text = small.run(*words)
    assert code == 0, text[-3000:]
    assert "stopped a job that an earlier run left behind" in text
    assert "resumed at step" in (folder / "logs" / "train_model.log").read_text()
    for name in ("model.safetensors", "model.json", "history.json"):
        assert file_digest(folder / "model" / name) == file_digest(results(small, "model", name))


@pytest.mark.slow
def test_killed_unlearning_resumes_to_the_same_bytes(small):
    """Killed in the second arm: the first is not run again, and every file is the same."""
    folder = results(small, "unlearning/social_knowledge/top01/seed1")
    names = ["sets.parquet", "history.parquet", "run.json", "random.safetensors"]
    effects = results(small, "unlearning/effects.parquet")
    before = {path: file_digest(path) for path in [*map(folder.joinpath, names), effects]}
    for path in before:
        path.unlink()
    target = "results/small/unlearning/social_knowledge/top01/seed1/run.json"
    state = results(small, ".state/unlearn_topic/social_knowledge-top01-1/random.pt")
    kill_once(small, (*SMALL, "--", target), state.exists, jobs=True)
    assert not (folder / "run.json").exists()
    code, text = small.run(*SMALL, "--", "results/small/unlearning/effects.parquet")
    assert code == 0, text[-3000:]
    log = results(small, "logs/unlearn_topic/social_knowledge-top01-1.log").read_text()
    assert "targeted: resumed at step" in log
    assert {path: file_digest(path) for path in before} == before
    assert not state.exists()


@pytest.mark.slow
def test_killed_document_pass_is_made_again_to_the_same_bytes(small):
    sketch = results(small, "attribution/sketches/s0001.npz")
    rows = results(small, "attribution/rows/s0001.npy")
    before = file_digest(sketch), file_digest(rows)
    sketch.unlink()
    log = results(small, "logs/attribute_documents/s0001.log")
    log.unlink()
    words = (*SMALL, "--", "results/small/attribution/sketches/s0001.npz")
    kill_once(small, words, lambda: log.exists() and "documents" in log.read_text())
    code, text = small.run(*words)
    assert code == 0, text[-3000:]
    assert (file_digest(sketch), file_digest(rows)) == before
