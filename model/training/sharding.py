"""Weights that are spread over the processes of a training (FSDP2), for models whose weights,
gradients and optimizer one GPU has no memory for.

Zhao et al. 2023, "PyTorch FSDP"; `torch.distributed.fsdp.fully_shard`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils import _pytree as pytree

from lightcone.model.runtime.checkpoint import Kept


def shard(model: nn.Module, parts: Iterable[nn.Module], device: torch.device) -> None:
    """Each process keeps its share; what a part needs is gathered while it runs. Its gradients
    are averaged over the processes by themselves. All processes have to have the same weights."""
    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    for part in parts:
        fully_shard(part, mesh=mesh)
    fully_shard(model, mesh=mesh)


def whole(tree: Any) -> Any:
    """With every tensor that is spread out put together; all processes have to call it."""
    return pytree.tree_map(lambda x: x.full_tensor() if isinstance(x, DTensor) else x, tree)


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """What of a whole tensor a process keeps, spread out as `like` is."""
    if not isinstance(like, DTensor) or isinstance(tensor, DTensor):
        return tensor
    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)


def spread_state(optimizer: torch.optim.Optimizer) -> None:
    """The state of an optimizer that was loaded as whole tensors, spread as its parameters."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                state[name] = part_of(value, parameter)


class Whole:
    """What is kept of a module or optimizer that is spread out, put together at once."""

    def __init__(self, of: Kept) -> None:
        self._state: dict[str, Any] = whole(of.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return self._state
