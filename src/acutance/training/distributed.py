"""One run over several processes and machines, started by torchrun: data parallel.

Every process draws the same global batch and takes its share of it, so a run over several
processes computes what one process computes. Process 0 alone logs, validates and writes.
"""

import contextlib
import gc
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from acutance.errors import UserError


@dataclass(frozen=True)
class Processes:
    """Which of the run's processes this is. Without torchrun: the only one."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process logs, validates and writes."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over the processes; starts from process 0's."""
        if self.count == 1:
            return network
        # The buffers are fixed filters, the same everywhere.
        return nn.parallel.DistributedDataParallel(network, broadcast_buffers=False)

    def share(self, batch: Tensor) -> Tensor:
        """This process's rows of what is drawn for all. Raises UserError if they do not divide."""
        if len(batch) % self.count:
            raise UserError(
                f"a batch of {len(batch)} cannot be shared evenly by {self.count} processes: "
                "set batches in 'patches' that their number divides"
            )
        return batch[self.rank :: self.count]

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the processes."""
        if self.count > 1:
            dist.all_reduce(value)
            value = value / self.count
        return value

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()

    def largest(self, *values: float) -> list[float]:
        """The largest of each value over the processes: what all of them then go by."""
        if self.count == 1:
            return [float(value) for value in values]
        together = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(together, dist.ReduceOp.MAX)
        agreed: list[float] = together.tolist()
        return agreed


def device_name(name: str) -> str:
    """``cuda`` and ``auto`` with several processes on a machine: each takes a GPU of its own."""
    if "LOCAL_RANK" not in os.environ or not torch.cuda.is_available():
        return name
    return f"cuda:{os.environ['LOCAL_RANK']}" if name in ("auto", "cuda") else name


@contextlib.contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """Join the run that torchrun started, and leave it; without torchrun, one process.

    Raises UserError when another process of the run ends before it: the checkpoint stays.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend)
        yield Processes(dist.get_rank(), dist.get_world_size())
        dist.barrier()
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise  # a lost connection is a plain RuntimeError in gloo
        # torchrun now terminates what is left of the run: not before it has said why it ends.
        with contextlib.suppress(ValueError):  # not in the main thread: no handlers there
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise UserError(
            f"the run over {os.environ['WORLD_SIZE']} processes broke: another process ended or "
            f"cannot be reached; start the same command with --resume ({_first_line(error)})"
        ) from error
    finally:
        gc.collect()  # what still holds the group must go first: its threads end with the group
        if dist.is_initialized():
            dist.destroy_process_group()


def _first_line(error: RuntimeError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
