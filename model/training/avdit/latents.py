"""Stage 2: recordings as latents, encoded once: arrays with a row for each chunk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.families.avdit.prompts import words_in
from lightcone.model.runtime.threads import threads_used, use_threads
from lightcone.model.training.avdit.source import Played, Source, TrainingError

_BATCH = 4  # chunks encoded at a time
_DECODED = 64  # frames decoded at a time
_DONE = "done.json"
_ENCODER = ("encode", "patch_in", "down", "to_latent", "mean", "std")  # of both codecs
_ENCODED = (
    "rows", "columns", "controls", "channels", "latents", "group", "sound_channels",
    "sound_latents", "numbers", "words",
)  # fmt: skip
"""What of a transformer's shapes the encoded play depends on."""


@dataclass(frozen=True)
class EncodedPlay:
    """All chunks of all episodes, one episode after the other."""

    picture: NDArray[np.float16]  # (chunks, depth, rows, columns)
    sound: NDArray[np.float16]  # (chunks, sound_latents, sound_channels)
    numbers: NDArray[np.float32]  # (chunks, frames, numbers)
    actions: NDArray[np.float32]  # (chunks, frames, controls)
    text: NDArray[np.float32]  # (chunks, words)
    episode: NDArray[np.int32]  # (chunks,)

    def __len__(self) -> int:
        return len(self.picture)


def chunks_of(source: Source, config: AvditConfig) -> list[int]:
    """Whole chunks of each episode."""
    return [len(episode) // config.frames for episode in source.episodes]


def encode(
    source: Source,
    config: AvditConfig,
    picture: VideoCodec,
    sound: SoundCodec | None,
    numbers: Numbers,
    vocabulary: Sequence[str],
    folder: Path,
    most: int | None = None,
) -> EncodedPlay:
    """Encode what is not encoded yet of the first `most` episodes, by default of all. Can be
    stopped at any moment; goes on with the episode at which it was. Raises BrokenEpisode, and
    TrainingError where the disk fills."""
    counts = chunks_of(source, config)
    starts = [0, *accumulate(counts)]
    episodes = len(counts) if most is None else min(most, len(counts))
    if starts[episodes] < 2:
        raise TrainingError(f"{source.summary}: too short for a single clip")
    made_with = {
        "source": source.digest,
        "config": {name: getattr(config, name) for name in _ENCODED},
        "codecs": [_name(picture), _name(sound)],
    }
    folder.mkdir(parents=True, exist_ok=True)
    done, fresh = _resumed(folder, made_with)
    try:
        arrays = _open(folder, config, sum(counts), fresh)
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {error.strerror or error}") from error

    @torch.inference_mode()
    def one(i: int) -> None:
        rows = slice(starts[i], starts[i + 1])
        episode, at = source.episodes[i], rows.start
        for group in _decoded(episode, counts[i] * config.frames, config):
            latents = picture.encode(group)  # (latents of some chunks, channels, h, w)
            chunks = latents.unflatten(0, (-1, config.latents)).flatten(1, 2)
            arrays["picture"][at : at + len(chunks)] = chunks.half().numpy()
            at += len(chunks)
            bar.update(len(chunks))
        if sound is not None and counts[i]:
            arrays["sound"][rows] = _encoded_sound(episode, counts[i], config, sound)
        frames = counts[i] * config.frames
        shape = (counts[i], config.frames, -1)
        arrays["actions"][rows] = np.asarray(episode.actions[:frames]).reshape(shape)
        state = source.state(i)
        if config.numbers and state is not None:
            encoded = numbers.encode(state[:frames], source.numbers)
            arrays["numbers"][rows] = encoded.reshape(shape)
        arrays["text"][rows] = _texts(source.texts[i], counts[i], config, vocabulary)
        arrays["episode"][rows] = i

    # An episode is small work: threads of their own are faster than one that is shared out.
    threads = ThreadPoolExecutor(threads_used(), initializer=use_threads, initargs=(1,))
    total = starts[episodes]
    bar = tqdm(total=total, initial=min(starts[done], total), desc="latents", unit="chunk")
    with bar:
        try:
            for i, _ in enumerate(threads.map(one, range(done, episodes)), done + 1):
                (folder / _DONE).write_text(json.dumps({**made_with, "episodes": i}))
        finally:
            threads.shutdown(cancel_futures=True)
    return EncodedPlay(**{name: array[:total] for name, array in arrays.items()})


def _name(codec: torch.nn.Module | None) -> str:
    if codec is None:
        return ""
    total = sum(
        float(tensor.double().abs().sum())
        for name, tensor in codec.state_dict().items()
        if name.startswith(_ENCODER)
    )
    return f"{type(codec).__name__} {total:.9g}"


def _resumed(folder: Path, made_with: dict[str, Any]) -> tuple[int, bool]:
    """Episodes that are encoded, and whether nothing is there to go on with."""
    try:
        saved = json.loads((folder / _DONE).read_text())
        episodes = int(saved.pop("episodes"))
    except (OSError, ValueError, KeyError):
        return 0, True
    same = json.dumps(saved, sort_keys=True) == json.dumps(made_with, sort_keys=True)
    return (episodes, False) if same else (0, True)


def _open(folder: Path, c: AvditConfig, chunks: int, fresh: bool) -> dict[str, NDArray[Any]]:
    shapes: dict[str, tuple[type, tuple[int, ...]]] = {
        "picture": (np.float16, (c.depth, c.rows, c.columns)),
        "sound": (np.float16, (c.sound_latents, c.sound_channels)),
        "numbers": (np.float32, (c.frames, c.numbers)),
        "actions": (np.float32, (c.frames, c.controls)),
        "text": (np.float32, (c.words,)),
        "episode": (np.int32, ()),
    }
    out: dict[str, NDArray[Any]] = {}
    for name, (dtype, shape) in shapes.items():
        if 0 in shape:
            out[name] = np.zeros((chunks, *shape), dtype)
            continue
        path = folder / f"{name}.npy"
        out[name] = np.lib.format.open_memmap(
            path, mode="w+" if fresh else "r+", dtype=dtype, shape=(chunks, *shape)
        )
    return out


def _decoded(episode: Played, frames: int, c: AvditConfig) -> Iterator[Tensor]:
    """(N, group, 3, H, W) of an episode's first frames."""
    block = max(1, _DECODED // c.frames) * c.frames
    for start in range(0, frames, block):
        video = torch.from_numpy(episode.frames(start, min(start + block, frames)))
        yield from video.permute(0, 3, 1, 2).unflatten(0, (-1, c.group)).split(_BATCH * c.latents)


def _encoded_sound(
    episode: Played, chunks: int, c: AvditConfig, codec: SoundCodec
) -> NDArray[np.float16]:
    samples = episode.sound(0, chunks * c.frames)
    assert samples is not None
    latents = codec.encode(torch.from_numpy(samples)[None])[0].T  # (latents, channels)
    half: NDArray[np.float16] = latents.unflatten(0, (chunks, -1)).half().numpy()
    return half


def _texts(
    texts: tuple[tuple[int, str], ...], chunks: int, c: AvditConfig, vocabulary: Sequence[str]
) -> NDArray[np.float32]:
    out = np.zeros((chunks, c.words), np.float32)
    for frame, text in texts:
        words = [vocabulary.index(word) for word in words_in(text) if word in vocabulary]
        out[frame // c.frames :] = 0
        for word in words:
            out[frame // c.frames :, word] = 1 / len(words)
    return out
