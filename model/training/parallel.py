"""Training in several equal processes:
`torchrun --nproc-per-node N -m lightcone.model.training.train ...`.

On CPUs one process per core with one thread each keeps its speed when other programs want a
core too, where one process with many threads waits for its slowest at every product.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta

import torch
from torch import Tensor, distributed

_PATIENCE = timedelta(days=1)  # for what one process does while the others wait


class Group:
    """The processes that train together; alone, everything here does nothing."""

    def __init__(self, alone: bool = False) -> None:
        """`alone`: what this process does while the others wait."""
        self.size = 1 if alone else int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = 0 if alone else int(os.environ.get("RANK", "0"))
        if self.size > 1:
            backend = "nccl" if torch.cuda.is_available() else "gloo"
            distributed.init_process_group(backend, timeout=_PATIENCE)

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def agree(self, value: float) -> float:
        """The value of the process that leads; the others wait for it."""
        if self.size == 1:
            return value
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        shared = torch.tensor(value, dtype=torch.float64, device=device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def share(self, module: torch.nn.Module) -> None:
        """Give all processes the parameters of the one that leads."""
        if self.size > 1:
            for parameter in module.parameters():
                distributed.broadcast(parameter.data, 0)

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = self.sum(torch.cat([g.flatten() for g in gradients])) / self.size
        for g, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            g.copy_(part.view_as(g))

    def close(self) -> None:
        if self.size > 1:
            distributed.destroy_process_group()
