"""Models to try the judge on. All have a true environment inside, and answer better or worse than
it; none of them learns anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lightcone.model.evaluation.judge.protocol import Frames, Sound
from lightcone.model.evaluation.judge.truth import Played
from lightcone.model.families.env.doom import DoomPlayer
from lightcone.model.interface import Actions, Chunk, Emit, WorldInfo

CHUNK = 4


@dataclass(frozen=True)
class Shown:
    """What an episode showed so far, frame by frame."""

    info: WorldInfo
    frames: Sequence[Frames]  # (H, W, 3) each
    sounds: Sequence[Sound]

    def part(self, first: int) -> tuple[Frames, Sound]:
        """A chunk."""
        stop = first + CHUNK
        return np.stack(self.frames[first:stop]), np.concatenate(self.sounds[first:stop])


Answer = Callable[[Shown, int, Frames], tuple[Frames, Sound]]
"""Of what the truth shows, the first frame of the chunk to answer, and the last true picture that
was given."""


class Live:
    """An environment that is played on where it can be, else anew from its seed."""

    def __init__(self, width: int, height: int) -> None:
        self._player = DoomPlayer("live", "defend_the_center", (width, height))
        self._seed = -1
        self._over = False
        self._actions: list[bytes] = []
        self._frames: list[Frames] = []
        self._sounds: list[Sound] = []

    def show(self, seed: int, actions: Actions) -> Shown:
        wanted = [row.tobytes() for row in actions]
        if seed != self._seed or wanted[: len(self._actions)] != self._actions:
            self._player.reset(seed)
            self._seed, self._over = seed, False
            self._actions, self._frames, self._sounds = [], [], []
        silence = np.zeros(630, np.float32)
        for row in actions[len(self._actions) :]:
            heard = silence
            if not self._over:
                self._over = self._player.step(row)
                sound = self._player.sound()
                heard = silence if sound is None or self._over else sound
            self._frames.append(self._player.picture())
            self._sounds.append(heard)
            self._actions.append(row.tobytes())
        return Shown(self._player.info, self._frames, self._sounds)

    def close(self) -> None:
        self._player.close()


@dataclass(frozen=True)
class PlayerState:
    """Nothing but what was done; the environment does the rest."""

    world: str
    seed: int
    actions: Actions  # since the episode began
    last: Frames
    chunk: int

    @property
    def frame(self) -> int:
        return self.chunk * CHUNK


class Player:
    """`answer` makes of the truth what this model shows. `act` is what it does of the actions."""

    def __init__(
        self,
        live: Live,
        info: WorldInfo,
        answer: Answer,
        act: Callable[[Actions], Actions] = lambda actions: actions,
        name: str = "player",
    ) -> None:
        self._live, self._answer, self._act = live, answer, act
        self.worlds: Mapping[str, WorldInfo] = {
            "doom": replace(info, name="doom", chunk_frames=(CHUNK,))
        }
        self.fingerprint = name
        self.steps = (1,)
        self.stepped = 0
        self._known: dict[bytes, tuple[int, Actions]] = {}

    def knows(self, played: Played, seed: int) -> None:
        """Lets it find out where a context is from, by its first two actions and pictures."""
        for start in range(len(played)):
            sound = played.part(start, start + 1).sound
            assert sound is not None
            key = _key(played.frames[start:], sound)
            self._known.setdefault(key, (seed, played.actions[:start]))

    def prepare(self, world: str, prompt: str = "") -> Any:
        return None

    def start(self, world: str, seed: int, conditioning: Any) -> PlayerState:
        info = self.worlds[world]
        none = np.zeros((0, info.controls), np.float32)
        black = np.zeros((info.height, info.width, 3), np.uint8)
        return PlayerState(world, seed, none, black, 0)

    def observe(
        self,
        state: PlayerState | None,
        world: str,
        frames: Frames,
        sound: Sound | None,
        actions: Actions,
        numbers: Any = None,
        columns: Sequence[str] = (),
        text: str | None = None,
    ) -> PlayerState:
        assert len(frames) % CHUNK == 0
        assert sound is not None
        assert len(sound) == self.worlds[world].samples(0, len(frames))
        if state is None:
            seed, before = self._known[_key(frames, sound)]
            state = PlayerState(world, seed, before, frames[0], 0)
        return replace(
            state,
            actions=np.concatenate([state.actions, actions]),
            last=frames[-1],
            chunk=state.chunk + len(frames) // CHUNK,
        )

    def step(
        self,
        states: Sequence[PlayerState],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[PlayerState]:
        after = []
        for row, (state, held) in enumerate(zip(states, actions, strict=True)):
            self.stepped += 1
            done = np.concatenate([state.actions, self._act(held)])
            shown = self._live.show(state.seed, done)
            frames, sound = self._answer(shown, len(done) - CHUNK, state.last)
            emit(row, Chunk(state.frame, frames, sound))
            after.append(replace(state, actions=done, chunk=state.chunk + 1))
        return after

    def reconstruct(
        self, world: str, frames: Frames, sound: Sound | None
    ) -> tuple[Frames, Sound | None]:
        return frames, sound

    def release(self, state: PlayerState) -> None: ...

    def close(self) -> None: ...


def _key(frames: Frames, sound: Sound) -> bytes:
    return frames[0].tobytes() + sound[:630].tobytes()


def perfect(shown: Shown, first: int, last: Frames) -> tuple[Frames, Sound]:
    return shown.part(first)


def frozen(shown: Shown, first: int, last: Frames) -> tuple[Frames, Sound]:
    return np.repeat(last[None], CHUNK, 0), shown.part(first)[1]


def silent(shown: Shown, first: int, last: Frames) -> tuple[Frames, Sound]:
    frames, sound = shown.part(first)
    return frames, np.zeros_like(sound)


def late(shown: Shown, first: int, last: Frames) -> tuple[Frames, Sound]:
    return shown.part(max(0, first - CHUNK))


def noise(shown: Shown, first: int, last: Frames) -> tuple[Frames, Sound]:
    rng = np.random.default_rng(first)
    frames, sound = shown.part(first)
    heard = rng.normal(0, 0.2, len(sound)).astype(np.float32)
    return rng.integers(256, size=frames.shape, dtype=np.uint8), heard


def blurred(shown: Shown, first: int, last: Frames) -> tuple[Frames, Sound]:
    """As a coarse codec leaves it: 8 x 8 pixels are one."""
    frames, sound = shown.part(first)
    count, height, width, _ = frames.shape
    cells = frames.reshape(count, height // 8, 8, width // 8, 8, 3).mean((2, 4))
    return cells.repeat(8, 1).repeat(8, 2).round().astype(np.uint8), sound


def nothing(actions: Actions) -> Actions:
    return np.zeros_like(actions)
