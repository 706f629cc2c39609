"""A stream of encoded clips to train the transformer on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model.cells import patchify
from model.codec import PictureCodec, SoundCodec
from model.worlds.court import facts, simulator

FRAMES = simulator.FRAMES_PER_CHUNK


@dataclass(frozen=True)
class Encoded:
    """Clips as tokens, normalised: picture (B, C, 48, 256), sound (B, C, 2, 32), actions
    (B, C, 8); and what is the case, (B, C, 2, FACTS)."""

    picture: Tensor
    sound: Tensor
    state: Tensor
    actions: Tensor


@torch.no_grad()
def encode(truth: simulator.Trajectory, picture: PictureCodec, sound: SoundCodec) -> Encoded:
    """Draw, hear and encode trajectories of an even number of frames."""
    clip = simulator.film(truth)
    case = facts.facts(truth.states)
    return encode_clip(clip.frames, clip.sound, case, truth.actions, picture, sound)


@torch.no_grad()
def encode_clip(
    frames: Tensor,
    sound_wave: Tensor,
    case: Tensor,
    actions: Tensor,
    picture: PictureCodec,
    sound: SoundCodec,
) -> Encoded:
    """`frames` (B, T, 3, H, W) uint8, `sound_wave` (B, T * 1000), `case` (B, T, FACTS), `actions`
    (B, T, 4)."""
    batch = len(frames)
    flat = frames.flatten(0, 1)
    latents = torch.cat([picture.encode(part) for part in flat.split(64)])
    latents = latents.unflatten(0, (batch, -1, FRAMES))  # (B, C, frames, channels, h, w)
    heard = sound.encode(sound_wave).transpose(1, 2)  # (B, L, channels)
    return Encoded(
        patchify(latents.flatten(2, 3)),
        heard.reshape(batch, latents.shape[1], FRAMES, -1),
        case.unflatten(1, (-1, FRAMES)),
        actions.reshape(batch, latents.shape[1], -1),
    )


@dataclass(frozen=True)
class TrainingBatch:
    """Sequences that begin with a sink: chunk 0 is some other moment of the same world.

    `last_*` is the chunk before each; for the sink itself, which also carries no actions.
    """

    picture: Tensor  # (B, 1 + C, P, values)
    sound: Tensor  # (B, 1 + C, frames, values)
    state: Tensor  # (B, 1 + C, frames, FACTS)
    last_picture: Tensor
    last_sound: Tensor
    last_state: Tensor
    actions: Tensor  # (B, 1 + C, values)
    places: Tensor | None  # (B, P) where only some picture tokens are trained on


class Reservoir:
    """Encoded clips of `chunks` chunks, the oldest replaced by fresh ones as training goes on.

    Simulation is batched over many worlds since it costs the same for one; drawing and encoding
    happen clip by clip when `refresh` is called.
    """

    def __init__(
        self,
        picture: PictureCodec,
        sound: SoundCodec,
        generator: torch.Generator,
        device: torch.device,
        capacity: int,
        chunks: int = 30,
    ) -> None:
        self._codecs = picture, sound
        self._generator, self._device = generator, device
        self._capacity, self._chunks = capacity, chunks
        self._pending: list[simulator.Trajectory] = []
        self._clips: list[Encoded] = []
        self._oldest = 0

    def __len__(self) -> int:
        return len(self._clips)

    def refresh(self, clips: int) -> None:
        """Add that many fresh clips, replacing the oldest once full."""
        for _ in range(clips):
            encoded = encode(self._next(), *self._codecs)
            if len(self._clips) < self._capacity:
                self._clips.append(encoded)
            else:
                self._clips[self._oldest] = encoded
                self._oldest = (self._oldest + 1) % self._capacity

    def _next(self) -> simulator.Trajectory:
        if not self._pending:
            skip = int(self._integers(1, 40))
            worlds = simulator.random_trajectories(
                192, self._chunks * FRAMES, self._generator, self._device, skip=skip
            )
            self._pending = [worlds[i : i + 1] for i in range(192)]
        return self._pending.pop()

    def _integers(self, count: int, below: int) -> Tensor:
        return torch.randint(below, (count,), generator=self._generator)

    def batch(self, size: int, chunks: int, kept: int | None) -> TrainingBatch:
        """`size` sequences of 1 + `chunks`. With `kept`, `places` names that many picture tokens
        to train on: those where most happens, and a quarter others."""
        picked = [self._clips[i] for i in self._integers(size, len(self._clips))]
        starts = 1 + self._integers(size, self._chunks - chunks)
        before = self._integers(size, 10) < 3
        anywhere = self._integers(size, self._chunks)
        sinks = torch.where(before, starts - 1, anywhere)

        def gather(name: str) -> tuple[Tensor, Tensor]:
            now, last = [], []
            for clip, start, sink in zip(picked, starts.tolist(), sinks.tolist(), strict=True):
                values = getattr(clip, name)[0]
                now.append(torch.cat([values[sink : sink + 1], values[start : start + chunks]]))
                last.append(
                    torch.cat([values[sink : sink + 1], values[start - 1 : start - 1 + chunks]])
                )
            return torch.stack(now), torch.stack(last)

        picture, last_picture = gather("picture")
        sound, last_sound = gather("sound")
        state, last_state = gather("state")
        actions, _ = gather("actions")
        actions[:, 0] = 0
        places = None if kept is None else self._busy_places(picture, kept)
        return TrainingBatch(
            picture, sound, state, last_picture, last_sound, last_state, actions, places
        )

    def _busy_places(self, picture: Tensor, kept: int) -> Tensor:
        """(B, kept) picture tokens: the busiest three quarters, the rest at random."""
        activity = picture[:, 1:].var(1).mean(-1)  # (B, P)
        order = activity.argsort(1, descending=True)
        busiest, others = order[:, : kept * 3 // 4], order[:, kept * 3 // 4 :]
        shuffled = torch.rand(others.shape, generator=self._generator).argsort(1).to(others.device)
        rest = others.gather(1, shuffled)[:, : kept - kept * 3 // 4]
        return torch.cat([busiest, rest], 1).sort(1).values
