"""A stream of encoded clips to train the transformer on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lightcone.model.codecs.picture import PictureCodec
from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.families.staged.network.text import Vocabulary
from lightcone.model.families.staged.prompts import (
    Grammar,
    grammar,
)
from lightcone.model.families.staged.rates import FRAMES, SAMPLES_PER_FRAME
from lightcone.model.simulators.catalogue import open_simulator

RESTYLED = 0.5  # share of clips in which the prompt changes
RAMPS = (1, 1, 1, 3, 6, 12)  # chunks until a changed prompt is fully applied


@dataclass(frozen=True)
class Encoded:
    """Clips of one world in latents, normalised: picture (B, C, depth, h, w), sound
    (B, C, 2, 32); facts, (B, C, 2, COUNT)."""

    picture: Tensor
    sound: Tensor
    state: Tensor


@torch.no_grad()
def encode(
    frames: Tensor, waveforms: Tensor, state: Tensor, picture: PictureCodec, sound: SoundCodec
) -> Encoded:
    """`frames` (B, T, 3, H, W) uint8, `waveforms` (B, T * 1000), `state` (B, T, COUNT)."""
    batch = len(frames)
    flat = frames.flatten(0, 1)
    latents = torch.cat([picture.encode(part) for part in flat.split(64)])
    latents = latents.unflatten(0, (batch, -1, FRAMES))  # (B, C, frames, channels, h, w)
    waves = sound.encode(waveforms).transpose(1, 2)  # (B, L, channels)
    return Encoded(
        latents.flatten(2, 3),
        waves.reshape(batch, latents.shape[1], FRAMES, -1),
        state.unflatten(1, (-1, FRAMES)),
    )


@dataclass(frozen=True)
class Stored:
    """A clip, and the prompts under which it was filmed: `prompts` (2, LONGEST) words before and
    after a change, `share` (C,) of the second one in each chunk."""

    clip: Encoded
    prompts: Tensor
    share: Tensor


@dataclass(frozen=True)
class TrainingBatch:
    """Sequences of one world that begin with a sink: chunk 0 is some other moment of it.

    `last_*` is the chunk before each; for the sink itself.
    """

    world: str
    picture: Tensor  # (B, 1 + C, depth, h, w)
    sound: Tensor  # (B, 1 + C, frames, values)
    state: Tensor  # (B, 1 + C, frames, COUNT)
    last_picture: Tensor
    last_sound: Tensor
    last_state: Tensor
    prompts: Tensor  # (B, 2, LONGEST)
    share: Tensor  # (B, 1 + C)

    @property
    def facts(self) -> Tensor:
        """Of the frame before each chunk and of its own: (B, 1 + C, 1 + frames, COUNT)."""
        return torch.cat([self.last_state[:, :, -1:], self.state], 2)


class Reservoir:
    """Encoded clips of one world, of `chunks` chunks, the oldest replaced by fresh ones as
    training goes on.

    Simulation is batched over many worlds since it costs the same for one; drawing and encoding
    happen clip by clip when `refresh` is called. `size` is that of the pictures that are encoded.
    """

    def __init__(
        self,
        world: str,
        codecs: tuple[PictureCodec, SoundCodec],
        vocabulary: Vocabulary,
        generator: torch.Generator,
        device: torch.device,
        capacity: int,
        size: PictureSize,
        chunks: int = 30,
    ) -> None:
        self.world = world
        self._simulator, self._facts = open_simulator(world), learnable(world).facts
        self._grammar: Grammar = grammar(world)
        self._codecs, self._vocabulary = codecs, vocabulary
        self._generator, self._device = generator, device
        self._capacity, self._chunks = capacity, chunks
        self._size = size.at(codecs[0].config.pixels)
        self._pending: list[Any] = []
        self._clips: list[Stored] = []
        self._oldest = 0

    def __len__(self) -> int:
        return len(self._clips)

    def refresh(self, clips: int) -> None:
        """Add that many fresh clips, replacing the oldest once full."""
        for _ in range(clips):
            stored = self._film(self._next())
            if len(self._clips) < self._capacity:
                self._clips.append(stored)
            else:
                self._clips[self._oldest] = stored
                self._oldest = (self._oldest + 1) % self._capacity

    def _next(self) -> Any:
        if not self._pending:
            worlds = self._simulator.random_trajectories(
                96, self._chunks * FRAMES, self._generator, self._device, skip=self._integer(40)
            )
            order = torch.randperm(96, generator=self._generator).tolist()
            self._pending = [worlds[i : i + 1] for i in order]
        return self._pending.pop()

    def _film(self, truth: Any) -> Stored:
        """Draw, hear and encode a trajectory, in some under two prompts one after the other."""
        first = self._simulator.film(truth, self._size)
        frames, sound = first.frames, first.sound
        values = [self._simulator.attributes(truth.states)[0].tolist()] * 2
        share = torch.zeros(self._chunks)
        if float(torch.rand((), generator=self._generator)) < RESTYLED:
            dice = len(self._simulator.APPEARANCE)
            numbers = torch.rand(1, dice, generator=self._generator).to(self._device)
            restyled = _replace_states(truth, self._simulator.restyle(truth.states, numbers))
            at = self._integer(self._chunks - 8) + 4
            ramp = RAMPS[self._integer(len(RAMPS))]
            share = ((torch.arange(self._chunks) - at + 1) / ramp).clamp(0, 1)
            later = self._simulator.render(restyled.states[:, at * FRAMES :], self._size)
            frames = _mix_frames(frames, later, share.repeat_interleave(FRAMES), at * FRAMES)
            sound = _mix_sound(sound, self._simulator.listen(restyled), share)
            values[1] = self._simulator.attributes(restyled.states)[0].tolist()
        encoded = encode(frames, sound, self._simulator.facts(truth), *self._codecs)
        words = [self._vocabulary.encode(self.world, self._grammar.words_of(v)) for v in values]
        half = Encoded(encoded.picture.half(), encoded.sound, encoded.state)
        return Stored(half, torch.stack(words).to(self._device), share.to(self._device))

    def _integer(self, below: int) -> int:
        return int(torch.randint(below, (), generator=self._generator))

    def batch(self, size: int, chunks: int, follows: bool = False) -> TrainingBatch:
        """`size` sequences of 1 + `chunks`, whose sink is the chunk before the others in three of
        ten, or in all where it `follows`."""
        picked = [self._clips[self._integer(len(self._clips))] for _ in range(size)]
        now, last = [], []
        for _ in picked:
            start = 1 + self._integer(self._chunks - chunks)
            before = follows or self._integer(10) < 3
            sink = start - 1 if before else self._integer(self._chunks)
            now.append([sink, *range(start, start + chunks)])
            last.append([sink, *range(start - 1, start - 1 + chunks)])

        def gather(name: str, places: Sequence[Sequence[int]]) -> Tensor:
            pairs = zip(picked, places, strict=True)
            return torch.stack([getattr(s.clip, name)[0, at].float() for s, at in pairs])

        return TrainingBatch(
            world=self.world,
            picture=gather("picture", now),
            sound=gather("sound", now),
            state=gather("state", now),
            last_picture=gather("picture", last),
            last_sound=gather("sound", last),
            last_state=gather("state", last),
            prompts=torch.stack([s.prompts for s in picked]),
            share=torch.stack([s.share[at] for s, at in zip(picked, now, strict=True)]),
        )


def _replace_states(truth: Any, states: Any) -> Any:
    return type(truth)(states, truth.actions, truth.strength, truth.when, truth.phase)


def _mix_frames(before: Tensor, later: Tensor, share: Tensor, start: int) -> Tensor:
    """Frames (1, T, 3, H, W) and those from `start` on under another prompt, by its share (T,)."""
    part = share[start:, None, None, None].to(before.device)
    mixed = torch.lerp(before[:, start:].float(), later.float(), part)
    return torch.cat([before[:, :start], (mixed + 0.5).to(torch.uint8)], 1)


def _mix_sound(before: Tensor, later: Tensor, share: Tensor) -> Tensor:
    """Sounds (1, samples) by the share (C,) of the second, which changes within each chunk."""
    known = torch.cat([share[:1], share])
    length = FRAMES * SAMPLES_PER_FRAME
    along = (torch.arange(length) + 1) / length
    part = known[:-1, None] + (known[1:] - known[:-1])[:, None] * along
    return torch.lerp(before, later, part.flatten()[None].to(before))
