"""The truth: an environment that is played with a seed, and remembers what it showed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Frames, NotJudged, Sound
from lightcone.model.evaluation.judge.senses.hearing import SHOTS, Band
from lightcone.model.families.env.player import Box
from lightcone.model.interface import Actions, WorldInfo
from lightcone.model.recordings.players.agents import (
    AGENTS,
    Agent,
    Inputs,
    MakeAgent,
    View,
    repeating,
)
from lightcone.model.recordings.players.sources import AgentSource

EPISODE = 2100  # frames of an episode of a game, at most
AMMUNITION = "selected_weapon_ammo"  # the number that falls with every shot


@dataclass(frozen=True)
class Played:
    """Some frames of an episode: what was done in each of them, and what the truth then was.

    `text` is its caption, where the truth has words. `events` are the times, in frames from its
    start, of all that is loud enough to be heard; None where the truth does not say. What is
    `faint` may be heard or not."""

    info: WorldInfo
    names: tuple[str, ...]  # of the numbers
    frames: Frames
    sound: Sound | None
    actions: Actions  # (F, controls)
    numbers: NDArray[np.float32]  # (F, numbers), after each frame
    boxes: tuple[tuple[Box, ...], ...]  # of each frame
    text: str | None = None
    events: tuple[float, ...] | None = None
    faint: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    def number(self, name: str) -> NDArray[np.float32]:
        """(F,)."""
        return self.numbers[:, self.names.index(name)]

    def held(self, button: str) -> NDArray[np.bool_]:
        """(F,)."""
        index = [each.name for each in self.info.buttons].index(button)
        return self.actions[:, index] > 0.5

    def part(self, start: int, stop: int) -> Played:
        """The frames from `start` up to `stop`."""
        sound = self.sound
        if sound is not None:
            begin = self.info.samples(0, start)
            sound = sound[begin : begin + self.info.samples(start, stop - start)]
        events = None if self.events is None else _within(self.events, start, stop)
        return replace(
            self,
            frames=self.frames[start:stop],
            sound=sound,
            actions=self.actions[start:stop],
            numbers=self.numbers[start:stop],
            boxes=self.boxes[start:stop],
            events=events,
            faint=_within(self.faint, start, stop),
        )


def _within(times: Sequence[float], start: int, stop: int) -> tuple[float, ...]:
    return tuple(time - start for time in times if start <= time < stop)


class Truth(Protocol):
    """An environment that plays equally for equal seeds and inputs."""

    @property
    def info(self) -> WorldInfo:
        """Size, rates and controls of what it shows."""
        ...

    @property
    def longest(self) -> int:
        """Frames of an episode, at most, where its own players play."""
        ...

    @property
    def bands(self) -> Sequence[Band]:
        """In which its events may be heard: the best of them is taken."""
        ...

    def player(self, seed: int) -> MakeAgent:
        """Who plays the episode with this seed; with an even one, somebody who plays at random
        whatever is shown."""
        ...

    def like(self, seed: int) -> Truth | None:
        """A truth whose episodes all look like the one with this seed, as far as that can be read;
        None where all of this truth look alike."""
        ...

    def play(self, seed: int, agent: MakeAgent, frames: int) -> Played:
        """The episode with this seed: at most so many frames, fewer where it ends."""
        ...

    def plays(self, seeds: Sequence[int]) -> Iterator[Played]:
        """Whole episodes, each played by its own player."""
        ...

    def close(self) -> None: ...


class EnvTruth:
    """An environment of the `env` family. `name` is such as "vizdoom/defend_the_center", the seed
    what the environment itself is given, and `shown` the size at which a model is to be judged.
    Raises UnknownWorld and EnvironmentFailed."""

    def __init__(self, name: str, shown: tuple[int, int]) -> None:
        self._agent: MakeAgent | None = None
        # ViZDoom leaves files where it is started.
        self._folder = TemporaryDirectory(prefix="lightcone-judge-", ignore_cleanup_errors=True)
        with chdir(self._folder.name):
            self._source = AgentSource(name, name, self._make, size=shown)
        self.info = self._source.info
        self.longest = EPISODE
        self.bands = (SHOTS,)

    def player(self, seed: int) -> MakeAgent:
        """Every other seed is played by the agent that aims."""
        return deciding(AGENTS["scripted" if seed % 2 else "random"])

    def like(self, seed: int) -> None:
        return None

    def play(self, seed: int, agent: MakeAgent, frames: int) -> Played:
        self._agent = agent
        with chdir(self._folder.name):
            pieces = list(self._source.episode(0, seed, frames))
        if not pieces:
            raise NotJudged(f"{self.info.name} ends at once with seed {seed}")
        sounds = [piece.sound for piece in pieces if piece.sound is not None]
        states = [piece.state for piece in pieces if piece.state is not None]
        actions = np.concatenate([piece.actions for piece in pieces])
        empty = np.zeros((len(actions), 0), np.float32)
        played = Played(
            info=self.info,
            names=self._source.numbers,
            frames=np.concatenate([piece.frames for piece in pieces]),
            sound=np.concatenate(sounds) if sounds else None,
            actions=actions,
            numbers=np.concatenate(states) if states else empty,
            boxes=tuple(tuple(boxes) for piece in pieces for boxes in piece.boxes),
        )
        return replace(played, events=tuple(shots(played)) if AMMUNITION in played.names else None)

    def plays(self, seeds: Sequence[int]) -> Iterator[Played]:
        return (self.play(seed, self.player(seed), self.longest) for seed in seeds)

    def close(self) -> None:
        self._source.close()
        self._folder.cleanup()

    def _make(self, info: WorldInfo, seed: int) -> Agent:
        assert self._agent is not None
        return self._agent(info, seed)


def shots(played: Played) -> list[int]:
    """Frames in which a shot was fired."""
    return (np.flatnonzero(np.diff(played.number(AMMUNITION)) < 0) + 1).tolist()


def following(actions: Actions, then: MakeAgent | None = None) -> MakeAgent:
    """An agent that does what it was given, and afterwards what another one would, or nothing."""

    def make(info: WorldInfo, seed: int) -> Agent:
        after = then(info, seed) if then is not None else None

        def act(view: View) -> Inputs:
            inputs = np.zeros(info.controls, np.float32) if after is None else after(view)
            return actions[view.frame] if view.frame < len(actions) else inputs

        return act

    return make


def resting(info: WorldInfo, seed: int) -> Agent:
    """An agent that does nothing."""
    return lambda view: np.zeros(info.controls, np.float32)


def deciding(agent: MakeAgent, frames: int = 2) -> MakeAgent:
    """The agent, who decides on every so many frames, as those whose play is recorded."""
    return lambda info, seed: repeating(agent(info, seed), frames)


def fitted(truth: WorldInfo, model: WorldInfo) -> None:
    """Raises NotJudged where a model's world is not the truth's in size, rates or controls."""
    for what, own, true in (
        ("frames a second", model.fps, truth.fps),
        ("sample rate", model.sample_rate, truth.sample_rate),
        ("picture size", (model.width, model.height), (truth.width, truth.height)),
        (
            "controls",
            _controls(model),
            _controls(truth),
        ),
    ):
        if own != true and not (what == "sample rate" and own is None):
            raise NotJudged(f"'{model.name}' has another {what} than its truth: {own}, not {true}")


def _controls(info: WorldInfo) -> list[str]:
    return [button.name for button in info.buttons] + [axis.name for axis in info.axes]
