"""What all simulated worlds share: contacts, trajectories and clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from lightcone.model.families.staged.network.config import (
    DEFAULT_SIZE,
    PictureSize,
)
from lightcone.model.families.staged.shared.fields import Fields


@dataclass
class Contacts:
    """Impacts of one frame: strength by kind, and when within the frame (0 to 1).

    `strength` and `when` have shape (B, len(kinds)); strength 0 means none. Two impacts of
    one kind in one frame keep the stronger.
    """

    kinds: tuple[str, ...]
    strength: Tensor
    when: Tensor

    @classmethod
    def none(cls, kinds: tuple[str, ...], batch: int, device: torch.device) -> Contacts:
        strength, when = torch.zeros(2, batch, len(kinds), device=device)
        return cls(kinds, strength, when)

    def add(self, kind: str, hit: Tensor, strength: Tensor, when: float) -> None:
        column = self.kinds.index(kind)
        now = torch.where(hit, strength, 0.0)
        stronger = now > self.strength[:, column]
        self.strength[:, column] = torch.where(stronger, now, self.strength[:, column])
        self.when[:, column] = torch.where(stronger, when, self.when[:, column])


S = TypeVar("S", bound=Fields)


@dataclass(frozen=True)
class Trajectory(Generic[S]):
    """What happened in B worlds over T frames, without picture and sound."""

    states: S  # fields (B, T)
    actions: Tensor  # (B, T, buttons) 0 or 1, of the frame they act in
    strength: Tensor  # (B, T, contacts) impact strength, 0 where none
    when: Tensor  # (B, T, contacts) time within the frame, 0 to 1
    phase: Tensor  # (B,) start in the ambience's loop, 0 to 1

    def __getitem__(self, index: Any) -> Trajectory[S]:
        """Index worlds, or worlds and frames, as one indexes a tensor. At least the worlds'
        axis has to stay."""
        worlds = index[0] if isinstance(index, tuple) else index
        return Trajectory(
            self.states[index],
            self.actions[index],
            self.strength[index],
            self.when[index],
            self.phase[worlds],
        )


@dataclass(frozen=True)
class Clip(Generic[S]):
    """Trajectories with their picture and sound."""

    frames: Tensor  # (B, T, 3, H, W) uint8 RGB
    sound: Tensor  # (B, T * 1000) float32, 24 kHz
    captions: list[str]
    truth: Trajectory[S]


Driver = Callable[[S, Tensor, Tensor], Tensor]
"""(state, last actions (B, buttons), random numbers (B, n)) -> actions (B, buttons)"""


@dataclass(frozen=True)
class Numbers:
    """The dice of B worlds, uniform in [0, 1): `start` (B, n) for where they begin, `driver`
    (B, T, m) for what is held, `phase` (B,) of the ambience."""

    start: Tensor
    driver: Tensor
    phase: Tensor

    @staticmethod
    def random(
        batch: int,
        frames: int,
        start: int,
        driver: int,
        generator: torch.Generator,
        device: torch.device,
    ) -> Numbers:
        def rand(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator).to(device)

        return Numbers(rand(batch, start), rand(batch, frames, driver), rand(batch))

    @staticmethod
    def seeded(seeds: Sequence[int], frames: int, start: int, driver: int) -> Numbers:
        """Those of a world depend on its own seed alone."""
        parts = []
        for seed in seeds:
            g = torch.Generator().manual_seed(seed)
            begin, phase = torch.rand(start, generator=g), torch.rand((), generator=g)
            parts.append((begin, torch.rand(frames, driver, generator=g), phase))
        starts, drivers, phases = zip(*parts, strict=True)
        return Numbers(torch.stack(starts), torch.stack(drivers), torch.stack(phases))


@dataclass(frozen=True)
class Source(Generic[S]):
    """Where the trajectories and clips of a world come from."""

    starts: Callable[[Tensor], S]  # from random numbers (B, start_numbers)
    advance: Callable[[S, Tensor], tuple[S, Contacts]]  # by the actions (B, actions) of a frame
    driver: Driver[S]
    render: Callable[[S, PictureSize], Tensor]  # fields (B, T) -> (B, T, 3, H, W) uint8
    listen: Callable[[Trajectory[S]], Tensor]  # -> (B, T * 1000)
    captions: Callable[[S], list[str]]
    actions: int
    start_numbers: int
    driver_numbers: int  # of a frame

    @torch.no_grad()
    def simulate(
        self,
        start: S,
        frames: int,
        *,
        driver: Driver[S] | None = None,
        numbers: Tensor | None = None,
        actions: Tensor | None = None,
        phase: Tensor | None = None,
        skip: int = 0,
    ) -> Trajectory[S]:
        """Run worlds for `frames` frames after `skip` unseen ones. Either `actions`
        (B, skip + frames, actions) are played, or `driver`, the world's own if none is given,
        decides with `numbers` (B, skip + frames, n), uniform."""
        given = actions if actions is not None else numbers
        assert given is not None
        driver = driver or self.driver
        phase = given.new_zeros(len(given)) if phase is None else phase
        state = start
        held = torch.zeros(len(phase), self.actions, device=phase.device)
        states, contacts, played = [], [], []
        for frame in range(skip + frames):
            row = given[:, frame]
            held = row if actions is not None else driver(state, held, row)
            state, contact = self.advance(state, held)
            if frame >= skip:
                states.append(state)
                contacts.append(contact)
                played.append(held)
        return Trajectory(
            states=type(start).stack(states, 1),
            actions=torch.stack(played, 1),
            strength=torch.stack([c.strength for c in contacts], 1),
            when=torch.stack([c.when for c in contacts], 1),
            phase=phase,
        )

    @torch.no_grad()
    def film(self, truth: Trajectory[S], size: PictureSize = DEFAULT_SIZE) -> Clip[S]:
        """Picture and sound of trajectories; contacts before them leave no sound."""
        states = truth.states
        return Clip(self.render(states, size), self.listen(truth), self.captions(states), truth)

    def random(
        self,
        batch: int,
        frames: int,
        generator: torch.Generator,
        device: torch.device,
        skip: int = 24,
    ) -> Trajectory[S]:
        """Fresh ones for training: random starts, mixed drivers. The cost hardly grows with
        `batch`."""
        sizes = self.start_numbers, self.driver_numbers
        return self._run(Numbers.random(batch, skip + frames, *sizes, generator, device), skip)

    def seeded(self, seeds: Sequence[int], frames: int, skip: int = 24) -> Trajectory[S]:
        """Trajectories that depend on their own seed and their place in the list (which chooses
        the driver): for evaluation."""
        sizes = self.start_numbers, self.driver_numbers
        return self._run(Numbers.seeded(seeds, skip + frames, *sizes), skip)

    def _run(self, n: Numbers, skip: int) -> Trajectory[S]:
        frames = n.driver.shape[1] - skip
        start = self.starts(n.start)
        return self.simulate(start, frames, numbers=n.driver, phase=n.phase, skip=skip)


def draw_frames(states: S, draw: Callable[[S, Tensor], Tensor], block: int = 96) -> Tensor:
    """States with fields (B, T) as frames (B, T, 3, H, W) uint8. `draw` takes N of them, `block`
    at most, and the worlds (N,) they are of, and returns pictures (N, 3, H, W) from 0 to 1."""
    batch, frames = states.axes[:2]
    flat = states.flatten()
    owner = torch.arange(batch, device=states.device).repeat_interleave(frames)
    out = []
    for i in range(0, batch * frames, block):
        picture = draw(flat[i : i + block], owner[i : i + block])
        out.append((picture * 255 + 0.5).clamp(0, 255).to(torch.uint8))
    return torch.cat(out).unflatten(0, (batch, frames))
