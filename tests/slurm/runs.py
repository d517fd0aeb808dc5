"""Runs of a small study on a loopback cluster: start, watch, disturb, compare."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil

from tests.workflow.clone import Clone
from workflow_scripts.common.files import file_digest, read_json

CONFIG = ("--configfile", "tests/config/small.yaml", "tests/config/cluster.yaml")
RESULTS = "results/cluster"
# Hold times, or the process ids and hosts of a run.
NOT_ARTIFACTS = ("logs", "timings", ".state")
LAB = Path(__file__).with_name("lab")


class Lab:
    """The cluster whose state is in ``folder``."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port

    def call(self, *words):
        own = {"SLURM_LAB_DIR": str(self.folder), "SLURM_LAB_PORT": str(self.port)}
        subprocess.run([LAB, *words], env=os.environ | own, check=True, timeout=120)

    def environment(self):
        """Environment in which Slurm's commands speak to this cluster."""
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return os.environ | {"PATH": path, "SLURM_CONF": f"{self.folder}/etc/slurm.conf"}

    def jobs(self, *options):
        """Jobs in the queue, as dicts; the comment holds rule and wildcards."""
        columns = {
            "id": ("jobid", 12),
            "state": ("state", 20),
            "comment": ("comment", 200),
            "node": ("nodelist", 12),
            "name": ("name", 60),
            "limit": ("timelimit", 20),
            "gpus": ("tres-per-job", 40),
        }
        form = ",".join(f"{field}:{width}" for field, width in columns.values())
        text = subprocess.run(
            ["squeue", "--noheader", "--Format", form, *options],
            env=self.environment(),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        table = []
        for line in text.splitlines():
            row, start = {}, 0
            for name, (_, width) in columns.items():
                row[name] = line[start : start + width].strip()
                start += width
            table.append(row)
        return table

    def wait_for(self, rule, state="RUNNING", count=1, seconds=300):
        """Wait until ``count`` jobs of a rule are in a state; returns them."""
        deadline = time.monotonic() + seconds
        while True:
            found = [
                job
                for job in self.jobs("--states", "all")
                if job["state"] == state and job["comment"].startswith(f"rule_{rule}")
            ]
            if len(found) >= count:
                return sorted(found, key=lambda job: int(job["id"]))
            assert time.monotonic() < deadline, f"no {count} {state} {rule}: {self.jobs()}"
            time.sleep(0.2)

    def cancel(self, *words):
        subprocess.run(["scancel", *words], env=self.environment(), check=True)

    def limit(self, job, minutes):
        """Set the time limit of a running job."""
        words = ["scontrol", "update", f"JobId={job}", f"TimeLimit={minutes}"]
        subprocess.run(words, env=self.environment(), check=True)


class Cluster(Clone):
    """A clone of the project whose runs go to the cluster with the committed profile."""

    def __init__(self, lab, folder, **source):
        super().__init__(folder, **source)
        self.lab, self.started = lab, []

    def command(self, *words):
        # First query after 1 s instead of 20: the jobs take seconds.
        quick = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "20")
        words = ("--profile", "slurm", *quick, "--jobs", "4", *CONFIG, *words)
        return [sys.executable, "-m", "snakemake", *map(str, words)]

    def environment(self):
        return self.lab.environment() | {"PYTHONPATH": "", "PYTEST_CURRENT_TEST": ""}

    def start(self, *words):
        """Start Snakemake; returns its process, which writes to ``run.log``."""
        with (self.folder / "run.log").open("w") as log:
            process = subprocess.Popen(
                self.command(*words),
                cwd=self.folder,
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A child of a background process ignores Ctrl-C, and Python then leaves it so.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )
        self.started.append(process)
        return process

    def stop(self):
        """Kill what a failed test left running: it would send the jobs again that are cancelled."""
        for process in self.started:
            process.kill()
            process.wait()

    def printed(self):
        return (self.folder / "run.log").read_text()

    def sent(self):
        """Jobs of the last run, in the queue or ended."""
        record = read_json(self.path(".state/slurm_run.json"))
        return self.lab.jobs("--states", "all", "--name", record["name"])

    def path(self, name):
        return self.folder / RESULTS / name

    def remove(self, *names):
        """Delete artifacts with their records."""
        for name in names:
            self.path(name).unlink()
            self.path(f"{name}.meta.json").unlink()


def artifacts(clone):
    """{path below the results: digest} of every file that is no log and no timing."""
    root = clone.folder / RESULTS
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    kept = sorted(path for path in files if path.parts[0] not in NOT_ARTIFACTS)
    return {str(path): file_digest(root / path) for path in kept}


def script_process(rule, job, seconds=300):
    """The process that runs a rule's script in a Slurm job, once it is there."""
    deadline = time.monotonic() + seconds
    while True:
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline())
                if re.search(rf"scripts/\S+\.{rule}\.py", words) and (
                    process.environ().get("SLURM_JOB_ID") == job["id"]
                ):
                    return process
            except psutil.Error:
                continue
        assert time.monotonic() < deadline, f"no script of {rule} in job {job['id']}"
        time.sleep(0.1)
