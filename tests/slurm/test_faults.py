"""Faults of a cluster, each ending in the right artifacts or a clear failure."""

import re
import signal
import subprocess
import time

import pytest

from tests.slurm.runs import Cluster, artifacts, script_process

pytestmark = pytest.mark.slow

SHARDS = ("s0000", "s0001")
LOST = [f"attribution/{kind}" for s in SHARDS for kind in (f"rows/{s}.npy", f"sketches/{s}.npz")]
MODEL = ("config.json", "model.safetensors", "model.json", "history.json")
TARGETS = ["--", *(f"results/cluster/attribution/sketches/{shard}.npz" for shard in SHARDS)]


@pytest.fixture
def study(lab, reference, tmp_path):
    """The finished study without its document pass: two jobs are to be done again."""
    study = Cluster(
        lab, tmp_path / "atlas", source=reference.folder, left_out=("locks", "__pycache__")
    )
    study.remove(*LOST)
    yield study
    study.stop()


def freeze(study, lab, *shards):
    """Stop the scripts of these shards while their rows are half written; returns their jobs."""
    jobs = [lab.wait_for(f"attribute_documents_wildcards_{shard}")[0] for shard in shards]
    # Found beforehand: the rows are written within a second.
    scripts = {
        shard: script_process("attribute_documents", job)
        for shard, job in zip(shards, jobs, strict=True)
    }
    deadline = time.monotonic() + 300
    while scripts:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        for shard in set(scripts):
            if list(study.path("attribution/rows").glob(f".tmp-*-{shard}.npy")):
                scripts.pop(shard).suspend()
    assert not any(study.path(f"attribution/rows/{shard}.npy").exists() for shard in shards)
    return jobs


def assert_right(study, expected):
    """Every artifact is the reference's, and nothing half written is left."""
    assert artifacts(study) == expected
    assert not list(study.folder.rglob(".tmp-*"))


def finish(study, *words):
    code, text = study.run(*words, timeout=900)
    assert code == 0, text[-3000:]
    return text


def ended(process, seconds=900):
    return process.wait(timeout=seconds)


def test_cancelled_shard_is_sent_again_in_the_same_run(study, lab, expected):
    process = study.start(*TARGETS)
    (job,) = freeze(study, lab, "s0000")
    lab.cancel(job["id"])
    assert ended(process) == 0, study.printed()[-3000:]
    assert "SLURM status is: 'CANCELLED'" in study.printed()
    assert_right(study, expected)


def test_job_that_fails_for_good_leaves_no_artifact_and_a_restart_finishes(study, lab, expected):
    """The other shard is kept: the restart sends one job."""
    process = study.start("--retries", "0", *TARGETS)
    (job,) = freeze(study, lab, "s0000")
    lab.cancel(job["id"])
    assert ended(process) == 1
    assert re.search(r"Error in rule attribute_documents", study.printed())
    assert f"SLURM-job '{job['id']}' failed, SLURM status is: 'CANCELLED'" in study.printed()
    assert not study.path("attribution/sketches/s0000.npz").exists()
    assert not study.path("attribution/rows/s0000.npy").exists()
    assert study.path("attribution/sketches/s0001.npz").exists()
    assert study.plan(*TARGETS) == {"attribute_documents s0000"}
    finish(study, *TARGETS)
    assert_right(study, expected)


def test_job_past_its_time_limit_is_sent_again_with_more_time_and_goes_on(study, lab, expected):
    """Training hangs after its first checkpoint until its time is over; the second attempt asks
    for more time and resumes."""
    study.remove(*(f"model/{name}" for name in MODEL))
    process = study.start("--", "results/cluster/model/model.json")
    job = lab.wait_for("train_model")[0]
    script = script_process("train_model", job)
    deadline = time.monotonic() + 300
    while not list(study.path(".state").glob("train_model/*.pt")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    script.suspend()
    lab.limit(job["id"], minutes=1)
    assert ended(process) == 0, study.printed()[-3000:]
    assert f"SLURM-job '{job['id']}' failed, SLURM status is: 'TIMEOUT'" in study.printed()
    assert "resumed at step" in study.path("logs/train_model.log").read_text()
    again = lab.wait_for("train_model", "COMPLETED")[-1]
    assert minutes(again["limit"]) > minutes(job["limit"]) > 1
    found = artifacts(study)
    for name in [f"model/{name}{record}" for name in MODEL for record in ("", ".meta.json")]:
        assert found[name] == expected[name]


def minutes(limit):
    """Minutes in a time limit as Slurm prints it: ``[days-]hours:minutes:seconds``."""
    days, clock = limit.split("-") if "-" in limit else ("0", limit)
    parts = [int(part) for part in clock.split(":")]
    hours, full = ([0] * (3 - len(parts)) + parts)[:2]
    return 1440 * int(days) + 60 * hours + full


def test_job_of_a_crashed_node_is_run_on_another(study, lab, expected):
    process = study.start(*TARGETS)
    (job,) = freeze(study, lab, "s0000")
    node = job["node"].removeprefix("node")
    try:
        lab.call("node-kill", node)
        assert ended(process) == 0, study.printed()[-3000:]
    finally:
        lab.call("node-start", node)
    assert_right(study, expected)


def test_killed_snakemake_leaves_jobs_and_no_second_writer_is_started(study, lab, expected):
    """The jobs go on. A new run, on Slurm or not, refuses; its own command stops them."""
    process = study.start(*TARGETS)
    jobs = freeze(study, lab, *SHARDS)
    process.kill()
    process.wait()
    assert study.run("--unlock")[0] == 0
    for words in ((), ("--executor", "local", "--cores", "1")):
        code, text = study.run(*words, *TARGETS, timeout=300)
        assert code == 1
        line = next(line for line in text.splitlines() if line.startswith("not started: "))
        assert "2 Slurm jobs of an earlier run of this study are still there (2 running)" in line
        assert len(lab.jobs()) == 2
    name = re.search(r"'scancel --name (\S+)'", line)[1]
    assert name == jobs[0]["name"]
    lab.cancel("--name", name)
    finish(study, *TARGETS)
    assert_right(study, expected)


def test_jobs_of_a_killed_snakemake_may_also_end_by_themselves(study, lab, expected):
    process = study.start(*TARGETS)
    lab.wait_for("attribute_documents", count=2)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 300
    while lab.jobs():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert study.run("--unlock")[0] == 0
    finish(study, *TARGETS)
    assert_right(study, expected)


def test_interrupt_cancels_the_jobs_and_a_restart_finishes(study, lab, expected):
    process = study.start(*TARGETS)
    freeze(study, lab, *SHARDS)
    process.send_signal(signal.SIGINT)
    assert ended(process) == 1
    deadline = time.monotonic() + 300
    while lab.jobs():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert not study.path("attribution/sketches/s0000.npz").exists()
    finish(study, *TARGETS)
    assert_right(study, expected)


def test_start_is_refused_while_slurm_does_not_answer(study, lab):
    """A run is noted, and nobody can say whether its jobs live."""
    process = study.start(*TARGETS)
    freeze(study, lab, *SHARDS)
    process.kill()
    process.wait()
    assert study.run("--unlock")[0] == 0
    environment = study.environment() | {"PATH": f"{study.folder}:{study.environment()['PATH']}"}
    broken = study.folder / "squeue"
    broken.write_text("#!/bin/sh\necho 'slurm_load_jobs error: timed out' >&2\nexit 1\n")
    broken.chmod(0o755)
    done = subprocess.run(
        study.command("--executor", "local", "--cores", "1", *TARGETS),
        cwd=study.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert "cannot ask Slurm whether jobs of the last run" in done.stderr
    assert "slurm_load_jobs error: timed out" in done.stderr
