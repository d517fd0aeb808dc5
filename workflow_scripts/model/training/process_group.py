"""Process group for data-parallel training.

A task is a process. Under Slurm ``srun`` starts them, on one node or several; elsewhere they are
processes of this machine. Both find each other through submitit's TorchDistributedEnvironment, so
that the same program runs in both places.
"""

import contextlib
import datetime
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

from workflow_scripts.common.errors import AtlasError

Item = TypeVar("Item")
# A task that waits longer than this for the others gives up; without a limit a node that cannot
# be reached costs the job's whole time limit.
PATIENCE = datetime.timedelta(minutes=15)


class TeamError(AtlasError):
    """Failure of the process group: tasks cannot find each other, or have lost contact."""


@dataclass(frozen=True)
class Team:
    """This task's place among the tasks; alone by default.

    Attributes:
        rank: number of this task; 0 writes what is written.
        size: number of tasks.
        device: where this task computes, ``cpu`` or ``cuda:<n>``.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    def share(self, batch: Sequence[Item]) -> list[Item]:
        """This task's part of a batch; neighbours in length go to different tasks."""
        return list(batch[self.rank :: self.size])

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its sum over the tasks, which is bit for bit the same in all."""
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def check_same(self, digest: str) -> None:
        """Refuse to go on when the tasks hold different things.

        Raises:
            TeamError: names a task whose digest differs from that of task 0.
        """
        digests: list = [None] * self.size
        dist.all_gather_object(digests, digest)
        different = [rank for rank, other in enumerate(digests) if other != digests[0]]
        if different:
            raise TeamError(
                f"the weights of task {different[0]} differ from those of task 0: the tasks have "
                "come apart; are they machines of one kind?"
            )


@contextlib.contextmanager
def joined(device: str) -> Iterator[Team]:
    """Join the other tasks of this step, for the time of the block.

    Args:
        device: ``cpu`` (gloo) or ``cuda`` (nccl; each task takes the GPU of its local rank).

    Raises:
        TeamError: the first task cannot be reached.
    """
    # Set first: without it submitit does not look for the cluster it runs in.
    os.environ.setdefault("SUBMITIT_EXECUTOR", "slurm")
    from submitit.helpers import TorchDistributedEnvironment

    place = TorchDistributedEnvironment()
    place.master_addr = address(place.master_addr)
    place.export(set_cuda_visible_devices=False, overwrite=True)
    if device != "cpu":
        # Where srun shows each task its own GPU alone, that one is number 0.
        device = f"cuda:{place.local_rank % torch.cuda.device_count()}"
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("gloo" if device == "cpu" else "nccl", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise TeamError(
            f"task {place.rank} of {place.world_size} cannot reach task 0 at "
            f"{place.master_addr}:{place.master_port}: {reason}"
        ) from error
    try:
        yield Team(place.rank, place.world_size, device)
    finally:
        dist.destroy_process_group()


def address(host: str) -> str:
    """An address of ``host`` that other nodes can connect to.

    Node names of Slurm need not resolve; Slurm then still knows the address itself. Connecting to
    a name that does not resolve would hang until the time limit of the job.

    Raises:
        TeamError: neither the resolver nor Slurm knows it.
    """
    with contextlib.suppress(OSError):
        return socket.gethostbyname(host)
    try:
        shown = subprocess.run(
            ["scontrol", "show", "node", host], capture_output=True, text=True, timeout=60
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        shown = ""
    found = re.search(r"\bNodeAddr=(\S+)", shown)
    if not found:
        raise TeamError(
            f"the node {host!r} of task 0 has no address: its name does not resolve, and "
            f"'scontrol show node {host}' names none"
        )
    return found[1]
