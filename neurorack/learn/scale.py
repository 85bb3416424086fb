"""Several processes that train one instrument: what `torchrun` started, joined and parted again.

    torchrun --nproc-per-node 2 -m neurorack train SOUNDS --out models/mine

Every process takes its share of each step's clips. Only the first one, of rank 0, prepares and writes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from neurorack.errors import BadInput

PATIENCE = timedelta(hours=2)
"""How long processes wait for the first one, which may have hours of sound to prepare."""


@dataclass(frozen=True)
class Team:
    """The processes of one training, seen from one of them."""

    device: str
    world: int = 1
    rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is the one process that writes."""
        return self.rank == 0

    def agree(self, yes: bool) -> bool:
        """Whether any of the processes says yes. All must ask."""
        if self.world == 1:
            return yes
        votes = torch.tensor(int(yes), device=self.device)
        dist.all_reduce(votes, dist.ReduceOp.MAX)
        return bool(votes.item())

    def share(self, text: str) -> str:
        """What the process that leads says. All must ask."""
        said = [text]
        if self.world > 1:
            dist.broadcast_object_list(said, src=0)
        return said[0]

    def wait(self) -> None:
        """Until all processes have come here."""
        self.agree(False)


def choose_device(wanted: str, local_rank: int = 0) -> str:
    """`auto`, `cpu` or `cuda` → what torch calls the device. BadInput where a GPU is wanted and there is none."""
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise BadInput("torch finds no GPU", "--device cuda", "give --device cpu, or install a torch built for CUDA")
    if wanted == "cpu" or not there:
        return "cpu"
    return f"cuda:{local_rank}"


@contextmanager
def team(wanted: str = "auto") -> Iterator[Team]:
    """This process's team on the device of that name: as `torchrun` set it up, or alone."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = choose_device(wanted, int(os.environ.get("LOCAL_RANK", "0")))
    if device != "cpu":
        torch.cuda.set_device(device)
    if world == 1:
        yield Team(device)
        return
    dist.init_process_group("gloo" if device == "cpu" else "nccl", timeout=PATIENCE)
    try:
        yield Team(device, world, rank)
    finally:
        dist.destroy_process_group()
