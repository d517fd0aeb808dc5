"""Start the tasks of a step: through srun inside a Slurm job, elsewhere as local processes."""

import logging
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence

from workflow_scripts.model.training.process_group import TeamError

logger = logging.getLogger("atlas")


def launch(module: str, words: Sequence[str], tasks: int, nodes: int, threads: int) -> None:
    """Run ``python -m module words`` in ``tasks`` processes and wait for all of them.

    What they print goes to this process's log. When one fails, or this process dies, the others
    are ended.

    Args:
        module: a module that joins its team
            (:func:`workflow_scripts.model.training.process_group.joined`).
        words: its arguments, the same for all.
        tasks: number of processes.
        nodes: nodes they are spread over, inside a Slurm job.
        threads: processors of each.

    Raises:
        TeamError: a task failed.
    """
    command = [sys.executable, "-m", module, *words]
    if "SLURM_JOB_ID" in os.environ and shutil.which("srun"):
        # -N and -n again: the executor takes the SLURM_* defaults out of the environment.
        step = ["srun", f"--nodes={nodes}", f"--ntasks={tasks}", f"--cpus-per-task={threads}"]
        step += [f"--ntasks-per-node={math.ceil(tasks / nodes)}", "--kill-on-bad-exit=1"]
        _watch([([*step, *command], {"SUBMITIT_EXECUTOR": "slurm"})])
        return
    places = local_places(tasks)
    _watch([(command, place) for place in places])


def local_places(tasks: int) -> list[dict[str, str]]:
    """The environment of each of ``tasks`` local tasks, as submitit's local executor sets it."""
    shared = {
        "SUBMITIT_EXECUTOR": "local",
        "SUBMITIT_LOCAL_JOB_ID": uuid.uuid4().hex,
        "SUBMITIT_LOCAL_NTASKS": str(tasks),
        "SUBMITIT_LOCAL_JOB_NUM_NODES": "1",
        "SUBMITIT_LOCAL_NODEID": "0",
        "MASTER_PORT": str(_free_port()),
        "ATLAS_PARENT": str(os.getpid()),
    }
    return [
        shared | {"SUBMITIT_LOCAL_GLOBALID": str(rank), "SUBMITIT_LOCAL_LOCALID": str(rank)}
        for rank in range(tasks)
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _watch(commands: Sequence[tuple[list[str], Mapping[str, str]]]) -> None:
    """Run the commands side by side and relay their lines; end all when one fails."""
    read, write = os.pipe()
    running = [
        subprocess.Popen(words, env=os.environ | place, stdout=write, stderr=write)
        for words, place in commands
    ]
    os.close(write)
    relay = threading.Thread(target=_relay, args=(read,), daemon=True)
    relay.start()
    try:
        while any(task.poll() is None for task in running):
            failed = [task for task in running if task.poll()]
            if failed:
                # The others hear of it through their broken connections; their words first.
                time.sleep(1)
                break
            time.sleep(0.05)
    finally:
        for task in running:
            if task.poll() is None:
                task.terminate()
        for task in running:
            task.wait()
        relay.join(timeout=10)
    codes = {rank: task.returncode for rank, task in enumerate(running) if task.returncode}
    if codes:
        raise TeamError(
            f"{len(codes)} of {len(running)} processes of the step failed (exit codes "
            f"{', '.join(map(str, codes.values()))}); what they said stands above in the log"
        )


def _relay(read: int) -> None:
    with os.fdopen(read, errors="replace") as lines:
        for line in lines:
            if line.strip():
                logger.info("%s", line.rstrip())
