"""Ranks: the processes of one training and what passes between them (torch.distributed, launched by torchrun)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor


class Ranks:
    """`size` processes, this one being `rank`; alone, nothing is exchanged and nothing is copied.

    Every method but `leads` is called by all ranks together.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @property
    def alone(self) -> bool:
        """Whether this is the only process."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this process writes what all have in common."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` things this rank takes: every size-th, none where there are too few."""
        return slice(self.rank, count, self.size)

    def total(self, value: float) -> float:
        """The sum of a number over all ranks."""
        if self.alone:
            return value
        summed = torch.tensor(value, dtype=torch.float64)
        return float(self.summed(summed.to(self._device())))

    def summed(self, tensor: Tensor) -> Tensor:
        """The sum of tensors of one shape, written into `tensor`."""
        if not self.alone:
            distributed.all_reduce(tensor)
        return tensor

    def greatest(self, tensor: Tensor) -> Tensor:
        """The elementwise maximum of tensors of one shape, written into `tensor`."""
        if not self.alone:
            distributed.all_reduce(tensor, op=distributed.ReduceOp.MAX)
        return tensor

    def of_leader(self, tensor: Tensor) -> Tensor:
        """What rank 0 has, written into `tensor`."""
        if not self.alone:
            distributed.broadcast(tensor, src=0)
        return tensor

    def counts(self, count: int) -> list[int]:
        """One number of every rank, by rank."""
        if self.alone:
            return [count]
        own = torch.tensor([count], device=self._device())
        found = own.new_empty(self.size)
        distributed.all_gather_single(found, own)
        return found.tolist()

    def gathered(self, rows: Tensor) -> Tensor:
        """The rows of all ranks, by rank; ranks may have different numbers of them."""
        if self.alone:
            return rows
        counts = self.counts(len(rows))
        padded = rows.new_zeros((max(counts), *rows.shape[1:]))
        padded[: len(rows)] = rows
        found = padded.new_empty((self.size * len(padded), *rows.shape[1:]))
        distributed.all_gather_single(found, padded.contiguous())
        return torch.cat([part[:count] for part, count in zip(found.chunk(self.size), counts, strict=True)])

    def exchanged(self, rows: Tensor, sent: list[int], received: list[int]) -> Tensor:
        """Send the first sent[0] rows to rank 0, the next sent[1] to rank 1 and so on; what came, by sender."""
        found = rows.new_empty((sum(received), *rows.shape[1:]))
        distributed.all_to_all_single(found, rows.contiguous(), received, sent)
        return found

    def lookup(self, table: Tensor, owner: Tensor, place: Tensor) -> Tensor:
        """Rows of a table whose rows are spread over the ranks, [U, D]; gradients go back to the ranks that own them.

        table: this rank's rows [R, D]; owner, place: [U] whose row of which number is wanted here.
        """
        if self.alone:
            return torch.nn.functional.embedding(place, table)
        found: Tensor = _Lookup.apply(table, owner, place, self)
        return found

    def _device(self) -> torch.device:
        on_device = distributed.get_backend() == "nccl"
        return torch.device("cuda", torch.cuda.current_device()) if on_device else torch.device("cpu")


class _Lookup(torch.autograd.Function):
    """Row numbers go to their owners, rows come back; gradients take the same way in reverse."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, owner: Tensor, place: Tensor, ranks: Ranks) -> Tensor:
        order = owner.argsort(stable=True)
        asked = owner.bincount(minlength=ranks.size)
        answered = ranks.exchanged(asked, [1] * ranks.size, [1] * ranks.size)
        sent, received = asked.tolist(), answered.tolist()
        wanted = ranks.exchanged(place[order], sent, received)
        rows = ranks.exchanged(table[wanted], received, sent)
        ctx.save_for_backward(order, wanted)
        ctx.ranks, ctx.sent, ctx.received, ctx.table_rows = ranks, sent, received, len(table)
        return torch.empty_like(rows).index_copy(0, order, rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        order, wanted = ctx.saved_tensors
        returned = ctx.ranks.exchanged(gradient[order], ctx.sent, ctx.received)
        whole = gradient.new_zeros((ctx.table_rows, gradient.shape[1]))
        return whole.index_add_(0, wanted, returned), None, None, None


@contextmanager
def joined(device_type: str) -> Iterator[Ranks]:
    """The ranks that torchrun started, or this process alone where it did not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks()
        return
    if device_type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device_type == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
