"""A simulator of this project as the truth.

Every other seed is played by the world's own driver, which sees its state. The others are played at
random by somebody who leaves the camera alone, and in them it stands still and shows everything.
Simulating is cheap and drawing is not: pictures are drawn when somebody looks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.evaluation.judge.protocol import Frames, NotJudged
from lightcone.model.evaluation.judge.senses.hearing import Band
from lightcone.model.evaluation.judge.truth import Played
from lightcone.model.evaluation.measures.sounds import contact_times
from lightcone.model.evaluation.play import join
from lightcone.model.evaluation.scenes import legible, wide
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.families.staged.shared.controls import CAMERA_BUTTONS
from lightcone.model.interface import Actions, WorldInfo
from lightcone.model.recordings.players.agents import (
    Agent,
    Inputs,
    MakeAgent,
    RandomPlayer,
    View,
    repeating,
)
from lightcone.model.simulators.catalogue import open_simulator
from lightcone.model.simulators.clips import Numbers, Trajectory

EPISODE = 480  # frames, at most
_DRIVERS = 24  # a world's driver is another one by the place in a batch of so many
_KNOWN = 4  # episodes that are kept
_SHARES = tuple(np.geomspace(0.002, 0.8, 40))
_BANDS = (Band(0, 500, _SHARES), Band(500, 12_000, _SHARES), Band(0, 12_000, _SHARES))


class Film:
    """Stands for an array of frames (F, H, W, 3), of which those are drawn that are asked for."""

    def __init__(self, states: Any, world: str, size: PictureSize) -> None:
        """`states` have fields (1, F)."""
        self._states, self._size = states, size
        self._simulator = open_simulator(world)

    def __len__(self) -> int:
        return int(self._states.axes[1])

    def __getitem__(self, at: int | slice) -> Frames:
        if isinstance(at, int):
            place = range(len(self))[at]
            return self[place : place + 1][0]
        states = self._states[:, at]
        if not states.axes[1]:
            return np.zeros((0, self._size.height, self._size.width, 3), np.uint8)
        drawn = self._simulator.render(states, self._size)[0].movedim(1, -1)
        return np.ascontiguousarray(drawn.numpy())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)


class SimulatorTruth:
    """The simulator of a world; `shown` is the size at which a model is to be judged. With `looks`
    every episode looks as the one with that seed would in clear weather, painted and without music,
    which readers read best, to a camera that begins as one that stands still. Agents are asked for
    all they do before anything is shown, so none can look at pictures. Raises UnknownWorld,
    UnsupportedSetting and NotJudged."""

    def __init__(self, world: str, shown: tuple[int, int], looks: int | None = None) -> None:
        self.world = world
        self._shown, self._looks = shown, looks
        self._simulator, self._source = open_simulator(world), open_simulator(world).SOURCE
        self._size = PictureSize(shown[1])
        self.info = definition(world).shown_at(self._size)
        if shown != (self.info.width, self.info.height):
            raise NotJudged(f"pictures of '{world}' are 4 to 3, not {shown[0]}x{shown[1]}")
        self.names: tuple[str, ...] = learnable(world).facts.NAMES
        self._known: OrderedDict[int, Trajectory[Any]] = OrderedDict()
        self.longest = EPISODE
        self.bands: Sequence[Band] = _BANDS
        self._together: tuple[bytes, NDArray[np.float32]] = b"", np.zeros(0, np.float32)

    def player(self, seed: int) -> MakeAgent:
        return _driven if seed % 2 else _wandering

    def like(self, seed: int) -> SimulatorTruth:
        return SimulatorTruth(self.world, self._shown, seed)

    def play(self, seed: int, agent: MakeAgent, frames: int) -> Played:
        own = agent is self.player(seed)
        known = self._known.get(seed)
        if own and known is not None and known.actions.shape[1] >= frames:
            return self._played(known[:, :frames])
        if agent is _driven:
            truth = self._drive([seed], min(frames, EPISODE))
        else:
            truth = self._follow(seed, self._held(agent, seed, frames), known)
        if own:
            self._known[seed] = truth
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return self._played(truth)

    def plays(self, seeds: Sequence[int]) -> Iterator[Played]:
        """Simulated side by side, which takes hardly longer than one."""
        driven = [seed for seed in seeds if seed % 2]
        others = [seed for seed in seeds if not seed % 2]
        found: dict[int, Trajectory[Any]] = {}
        if driven:
            truth = self._drive(driven, self.longest)
            found |= {seed: truth[i : i + 1] for i, seed in enumerate(driven)}
        if others:
            frames = self.longest
            held = torch.cat([self._held(self.player(seed), seed, frames) for seed in others])
            phase = self._numbers(others).phase
            truth = self._source.simulate(self._start(others), frames, actions=held, phase=phase)
            found |= {seed: truth[i : i + 1] for i, seed in enumerate(others)}
        return (self._played(found[seed]) for seed in seeds)

    def together(self, actions: Actions, worlds: int) -> NDArray[np.float32]:
        """The numbers (worlds, F, numbers) of so many worlds, all under the same actions. Those
        last asked for are kept."""
        key = bytes([worlds]) + actions.tobytes()
        if self._together[0] == key:
            return self._together[1]
        starts = Numbers.seeded(range(worlds), 1, self._source.start_numbers, 1).start
        held = torch.from_numpy(actions).expand(worlds, -1, -1)
        truth = self._source.simulate(self._source.starts(starts), len(actions), actions=held)
        self._together = key, self._simulator.facts(truth).numpy()
        return self._together[1]

    def close(self) -> None:
        self._known.clear()

    def _held(self, agent: MakeAgent, seed: int, frames: int) -> Tensor:
        """All that the agent does: (1, frames, controls)."""
        decide = agent(self.info, seed)
        black = np.zeros((self.info.height, self.info.width, 3), np.uint8)
        views = (View(frame, black, None, {}, ()) for frame in range(frames))
        rows = [np.asarray(decide(view), np.float32) for view in views]
        return torch.from_numpy(np.stack(rows))[None]

    def _drive(self, seeds: Sequence[int], frames: int) -> Trajectory[Any]:
        """Worlds played by their own driver, who is another one by the place in a batch."""
        worlds = torch.arange(len(seeds))
        each = worlds.repeat_interleave(_DRIVERS)
        place = worlds * _DRIVERS + torch.tensor(seeds) // 2 % _DRIVERS

        def drive(state: Any, last: Tensor, numbers: Tensor) -> Tensor:
            return self._source.driver(state[each], last[each], numbers[each])[place]

        numbers = self._numbers(seeds)
        return self._source.simulate(
            self._start(seeds),
            frames,
            driver=drive,
            numbers=numbers.driver[:, :frames],
            phase=numbers.phase,
        )

    def _follow(self, seed: int, held: Tensor, known: Trajectory[Any] | None) -> Trajectory[Any]:
        """Under these actions; what begins as an episode that is known is not simulated again."""
        frames, same = held.shape[1], 0
        if known is not None:
            most = min(frames, known.actions.shape[1])
            differs = (held[:, :most] != known.actions[:, :most]).any(2)[0].nonzero()
            same = int(differs[0]) if len(differs) else most
        if known is None or not same:
            phase = self._numbers([seed]).phase
            return self._source.simulate(self._start([seed]), frames, actions=held, phase=phase)
        begun = known[:, :same]
        if same == frames:
            return begun
        after = self._source.simulate(
            begun.states[:, -1], frames - same, actions=held[:, same:], phase=begun.phase
        )
        return join([begun, after])

    def _start(self, seeds: Sequence[int]) -> Any:
        """Of worlds whose seeds are all even, or all odd."""
        state = self._source.starts(self._numbers(seeds).start)
        if self._looks is not None:
            other = self._source.starts(self._numbers([self._looks] * len(seeds)).start)
            looks = {name: getattr(other, name) for name in self._simulator.APPEARANCE}
            return legible(replace(state, **looks))
        return state if seeds[0] % 2 else wide(state)

    def _numbers(self, seeds: Sequence[int]) -> Numbers:
        source = self._source
        return Numbers.seeded(seeds, EPISODE, source.start_numbers, source.driver_numbers)

    def _played(self, truth: Trajectory[Any]) -> Played:
        film = Film(truth.states, self.world, self._size)
        [text] = self._simulator.captions(truth.states)
        strength, when = truth.strength[0], truth.when[0]

        def times(faint: bool) -> tuple[float, ...]:
            kinds = definition(self.world).contacts
            found = contact_times(self.world, kinds, strength, when, faint)
            return tuple(time * self.info.fps for time in found)

        return Played(
            info=self.info,
            names=self.names,
            frames=cast(Frames, film),
            sound=self._simulator.listen(truth)[0].numpy().astype(np.float32).clip(-1, 1),
            actions=truth.actions[0].numpy(),
            numbers=self._simulator.facts(truth)[0].numpy(),
            boxes=((),) * len(film),
            text=text,
            events=times(False),
            faint=times(True),
        )


def _wandering(info: WorldInfo, seed: int) -> Agent:
    """Plays at random, as those whose play is recorded, and leaves the camera alone. He leaves out
    no other control: whoever never goes back stands at a wall."""
    agent = repeating(RandomPlayer(info, seed, shy=0.0), 2)
    touched = np.array([each.name not in CAMERA_BUTTONS for each in info.buttons])
    touched = np.concatenate([touched, np.ones(len(info.axes), bool)])

    def act(view: View) -> Inputs:
        return (agent(view) * touched).astype(np.float32)

    return act


def _driven(info: WorldInfo, seed: int) -> Agent:
    """Names the world's own driver, whom only a simulator can ask."""
    raise NotJudged(f"the driver of '{info.name}' sees its state, and no pictures")
