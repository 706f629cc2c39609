"""Groups of frames to train a picture codec on, from everywhere in the recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lightcone.model.codecs.picture import to_signed
from lightcone.model.training.avdit.source import Source, TrainingError

_TAKEN = 4  # neighbouring groups taken at a time, an even number: they also come in pairs


class PicturePool:
    """Groups of `group` frames, drawn at random; decoded once, kept in a file."""

    def __init__(self, source: Source, group: int, count: int, path: Path, seed: int) -> None:
        """`count` groups, an even number. Raises TrainingError."""
        with made_once(path.with_suffix(".digest"), source.digest, group, count, seed) as missing:
            if missing:
                _decode(source, group, count, path, seed)
        self._groups: NDArray[np.uint8] = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._groups)

    def pairs(self, size: int, generator: torch.Generator) -> Tensor:
        """(2 N, 3 group, H, W) in [-1, 1]: each second group follows the one before it."""
        return taken(self._groups, drawn_pairs(len(self), size, generator))

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(N, 3 group, H, W) in [-1, 1], and the weight of pixels (N, 1, H, W), 1 on average:
        what moves counts more, since it is small."""
        at = torch.randint(len(self), (size,), generator=generator).tolist()
        video = taken(self._groups, at)
        moved = (video[:, -3:] - video[:, :3]).abs().amax(1, keepdim=True)
        weight = 1 + 2 * (moved > 0.1).float()
        weight = weight / weight.mean((1, 2, 3), keepdim=True)
        return video, weight


@contextmanager
def made_once(index: Path, *made_with: object) -> Iterator[bool]:
    """Whether the files beside `index` have to be made: it names what they were made with once
    they are whole."""
    wanted = " ".join(map(str, made_with))
    missing = not (index.exists() and index.read_text() == wanted)
    if missing:
        index.parent.mkdir(parents=True, exist_ok=True)
        index.unlink(missing_ok=True)
    yield missing
    if missing:
        index.write_text(wanted)


def taken(groups: NDArray[np.uint8], at: Sequence[int]) -> Tensor:
    """(N, 3 frames, H, W) in [-1, 1] of groups of frames (count, frames, H, W, 3)."""
    frames = torch.from_numpy(np.stack([groups[i] for i in at]))
    video = to_signed(frames.permute(0, 1, 4, 2, 3)).flatten(1, 2)
    return video.contiguous(memory_format=torch.channels_last)


def drawn_pairs(count: int, size: int, generator: torch.Generator) -> list[int]:
    """Indices of `size` pairs of neighbours out of `count`."""
    first = 2 * torch.randint(count // 2, (size,), generator=generator)
    return torch.stack([first, first + 1], 1).flatten().tolist()


def _decode(source: Source, group: int, count: int, path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    long_enough = [e for e in source.episodes if len(e) >= 2 * group]
    if not long_enough:
        raise TrainingError(f"no episode is as long as {2 * group} frames")
    share = np.array([len(e) for e in long_enough], float)
    info = source.info
    beside = path.with_suffix(".partial")
    shape = (count, group, info.height, info.width, 3)
    out = np.lib.format.open_memmap(beside, mode="w+", dtype=np.uint8, shape=shape)
    at = 0
    with tqdm(total=count, desc="pictures for the codec", unit="group") as bar:
        while at < count:
            episode = long_enough[rng.choice(len(share), p=share / share.sum())]
            many = min(_TAKEN, len(episode) // group // 2 * 2, count - at)
            start = int(rng.integers(len(episode) - many * group + 1))
            frames = episode.frames(start, start + many * group)
            out[at : at + many] = frames.reshape(many, *shape[1:])
            at += many
            bar.update(many)
    out.flush()
    beside.replace(path)
