"""The order of what follows the latents of a chunk: they are decoded, and one more pass makes their
keys. Neither needs the other, so a GPU does both at once.

The next chunk's denoising is beside neither. It begins with that chunk's actions, which are latched
just before it is due, and a step ends with its last picture: whoever repeats, abandons or rewinds a
step does so with all of its pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

K = TypeVar("K")
P = TypeVar("P")

_FIRST = -1  # priority of a stream: its kernels are started before those of others


def in_turn(latents: Tensor, keep: Callable[[], K], show: Callable[[], P]) -> tuple[K, P]:
    """Pictures first: they are what is waited for."""
    shown = show()
    return keep(), shown


def beside(latents: Tensor, keep: Callable[[], K], show: Callable[[], P]) -> tuple[K, P]:
    """On a GPU, of which `show` waits for the pictures: the pass for the keys is queued on the
    current stream, decoding on one of its own, which begins after what makes the latents and has
    priority. What follows on the current stream waits for both."""
    main = torch.cuda.current_stream(latents.device)
    side = torch.cuda.Stream(latents.device, priority=_FIRST)
    side.wait_stream(main)
    latents.record_stream(side)
    kept = keep()
    try:
        with torch.cuda.stream(side):
            return kept, show()
    finally:
        main.wait_stream(side)


def overlapped(latents: Tensor, keep: Callable[[], K], show: Callable[[], P]) -> tuple[K, P]:
    """What `keep` and `show` return, in the order that is best where the latents are."""
    return (beside if latents.is_cuda else in_turn)(latents, keep, show)
