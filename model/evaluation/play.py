"""Who plays a world before the judge: the model, the simulator itself, or somebody who answers
without content. All play from the same moments under the same actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.network.config import (
    DEFAULT_SIZE,
    PictureSize,
)
from lightcone.model.families.staged.network.sampler import Latents
from lightcone.model.families.staged.prompts import Grammar
from lightcone.model.families.staged.rates import FRAMES, SAMPLES_PER_FRAME
from lightcone.model.families.staged.state import StagedState
from lightcone.model.interface import How
from lightcone.model.simulators.catalogue import open_simulator
from lightcone.model.simulators.clips import Trajectory

Moments = Trajectory[Any]
"""The facts of B worlds over one chunk: FRAMES frames, after which play begins."""


class Run(Protocol):
    """B worlds being played."""

    @property
    def facts(self) -> Tensor:
        """The current facts, (B, COUNT)."""
        ...

    def step(self, actions: Tensor) -> None:
        """A chunk, under actions (B, FRAMES, actions)."""
        ...

    def pictures(self) -> Tensor:
        """Of the last chunk: (B, FRAMES, 3, H, W) uint8."""
        ...

    def anew(self) -> Tensor:
        """What a world that begins as this one now is would show: (B, FRAMES, 3, H, W)."""
        ...

    def sound(self) -> Tensor:
        """All since play began: (B, samples)."""
        ...


class Actor(Protocol):
    @property
    def size(self) -> PictureSize:
        """Of its pictures."""
        ...

    def begin(self, moments: Moments, seeds: Sequence[int], heard: bool = False) -> Run:
        """`heard` where the sound will be asked for."""
        ...


class Learned:
    """The model."""

    def __init__(self, model: StagedModel, name: str) -> None:
        self.model, self.name, self.size = model, name, model.size

    def begin(self, moments: Moments, seeds: Sequence[int], heard: bool = False) -> LearnedRun:
        facts = open_simulator(self.name).facts(moments).to(self.model.device)
        values = open_simulator(self.name).attributes(moments.states).tolist()
        states = [
            self.model.begin(self.name, facts[i : i + 1], tuple(values[i]), seed)
            for i, seed in enumerate(seeds)
        ]
        return LearnedRun(self.model, states, heard)

    @property
    def grammar(self) -> Grammar:
        return self.model.part(self.name).grammar

    def start(self, seed: int, prompt: str = "") -> StagedState:
        return self.model.start(self.name, seed, self.model.prepare(self.name, prompt))

    def prompt(self, state: StagedState, prompt: str, how: How, chunks: int) -> StagedState:
        """A session that runs, under a new prompt."""
        conditioning = self.model.prepare(self.name, prompt, running=True)
        return self.model.apply(state, conditioning, how, chunks)[0]


class LearnedRun:
    def __init__(self, model: StagedModel, states: list[StagedState], heard: bool = False) -> None:
        self.model, self.states = model, states
        self._heard = heard
        self._shown: Tensor | None = None
        self._sounds: list[Tensor] = []

    @property
    def facts(self) -> Tensor:
        return torch.cat([s.last.state[:, -1] for s in self.states]).float().cpu()

    def step(self, actions: Tensor) -> None:
        held = list(actions.numpy().astype(np.float32))
        made = self.model.generate(self.states, held)
        if self._heard:
            self.states, chunks = self.model.show(self.states, made)
            shown = torch.from_numpy(np.stack([c.frames for c in chunks]))
            self._shown = shown.permute(0, 1, 4, 2, 3)
            sounds = [c.sound for c in chunks if c.sound is not None]
            self._sounds.append(torch.from_numpy(np.stack(sounds)))
        else:  # pictures are decoded when somebody looks
            self.states = self.model.advance(self.states, made)
            self._shown = None

    def pictures(self) -> Tensor:
        if self._shown is None:
            self._shown = self._decode(torch.cat([s.last.picture for s in self.states]))
        return self._shown

    def anew(self) -> Tensor:
        begun = [
            self.model.begin(s.world, s.last.state, s.prompt.values, s.seed + 7919)
            for s in self.states
        ]
        return self._decode(torch.cat([s.last.picture for s in begun]))

    def sound(self) -> Tensor:
        return torch.cat(self._sounds, 1)

    def correct(self, true: Latents) -> None:
        """Go on as if the last chunk had been the true one."""
        self.states = [replace(s, past=(*s.past[:-1], true[i])) for i, s in enumerate(self.states)]

    def _decode(self, latents: Tensor) -> Tensor:
        return torch.from_numpy(self.model.decode_picture(latents)).permute(0, 1, 4, 2, 3)


class Simulated:
    """The simulator itself: what the judge makes of a perfect answer."""

    def __init__(self, name: str, size: PictureSize = DEFAULT_SIZE) -> None:
        self.name, self.size = name, size

    def begin(self, moments: Moments, seeds: Sequence[int], heard: bool = False) -> SimulatedRun:
        return SimulatedRun(self.name, self.size, moments)


class SimulatedRun:
    def __init__(self, name: str, size: PictureSize, moments: Moments) -> None:
        self._size = size
        self._simulator, self._facts = open_simulator(name), learnable(name).facts
        self._advance = import_module(f"lightcone.model.simulators.{name}.physics").advance
        self._begun = moments
        self._now = moments.states[:, -1]
        self._chunk = moments
        self._chunks: list[Moments] = []

    @property
    def facts(self) -> Tensor:
        return self._simulator.facts(self._chunk)[:, -1]

    @property
    def chunk(self) -> Moments:
        """What was the case in the last one."""
        return self._chunk

    @property
    def whole(self) -> Moments:
        """What was the case since play began."""
        return join(self._chunks)

    @torch.no_grad()
    def step(self, actions: Tensor) -> None:
        states, contacts = [], []
        for held in actions.unbind(1):
            self._now, contact = self._advance(self._now, held)
            states.append(self._now)
            contacts.append(contact)
        self._chunk = Trajectory(
            states=type(self._now).stack(states, 1),
            actions=actions,
            strength=torch.stack([c.strength for c in contacts], 1),
            when=torch.stack([c.when for c in contacts], 1),
            phase=self._begun.phase,
        )
        self._chunks.append(self._chunk)

    def pictures(self) -> Tensor:
        return self._simulator.render(self._chunk.states, self._size)

    def anew(self) -> Tensor:
        return self.pictures()

    def sound(self) -> Tensor:
        return self._simulator.listen(self.whole)


class Still:
    """Repeats the last picture that it was given, and is silent."""

    def __init__(self, name: str, size: PictureSize = DEFAULT_SIZE) -> None:
        self.name, self.size = name, size

    def begin(self, moments: Moments, seeds: Sequence[int], heard: bool = False) -> StillRun:
        return StillRun(self.name, self.size, moments)


class StillRun:
    def __init__(self, name: str, size: PictureSize, moments: Moments) -> None:
        self._picture = open_simulator(name).render(moments.states[:, -1:], size)
        self._facts = open_simulator(name).facts(moments)[:, -1]
        self._steps = 0

    @property
    def facts(self) -> Tensor:
        return self._facts

    def step(self, actions: Tensor) -> None:
        self._steps += 1

    def pictures(self) -> Tensor:
        return self._picture.expand(-1, FRAMES, -1, -1, -1)

    def anew(self) -> Tensor:
        return self.pictures()

    def sound(self) -> Tensor:
        return torch.zeros(len(self._picture), self._steps * FRAMES * SAMPLES_PER_FRAME)


def join(chunks: Sequence[Moments]) -> Moments:
    """Trajectories one after the other."""
    return Trajectory(
        states=_cat([c.states for c in chunks]),
        actions=torch.cat([c.actions for c in chunks], 1),
        strength=torch.cat([c.strength for c in chunks], 1),
        when=torch.cat([c.when for c in chunks], 1),
        phase=chunks[0].phase,
    )


def _cat(states: Sequence[Any]) -> Any:
    """Field by field, along time."""
    if isinstance(states[0], Tensor):
        return torch.cat(list(states), 1)
    names = vars(states[0])
    return type(states[0])(**{k: _cat([getattr(s, k) for s in states]) for k in names})


def watch(run: Run, actions: Tensor) -> Tensor:
    """Play actions (B, T, actions) and see everything: frames (B, T, 3, H, W)."""
    frames = []
    for held in actions.split(FRAMES, 1):
        run.step(held)
        frames.append(run.pictures())
    return torch.cat(frames, 1)


def play(run: Run, actions: Tensor) -> None:
    """Go on under actions (B, T, controls) without looking."""
    for held in actions.split(FRAMES, 1):
        run.step(held)
