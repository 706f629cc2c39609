"""Environments over a model in this process: no server, no clock, as fast as it goes.

The model comes from the caller, as `lightcone.model.catalogue.open_model` makes it; what is needed
of it is written down here, so that nothing of a model is imported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lightcone.client.errors import ClientError
from lightcone.client.gym.env import WorldEnv, WorldVectorEnv
from lightcone.client.gym.spaces import WorldLike, WorldSpaces
from lightcone.client.gym.turns import Act, Begin, Judge, Shown, Turn, unjudged


class ButtonLike(Protocol):
    @property
    def name(self) -> str: ...


class StepWorld(WorldLike, Protocol):
    """A model's description of a world."""

    @property
    def buttons(self) -> Sequence[ButtonLike]: ...

    def frames_of(self, chunk: int) -> int: ...

    def actions(
        self, held: Sequence[str], axes: Mapping[str, float], frames: int
    ) -> NDArray[np.float32]: ...


class StepModel(Protocol):
    """The part of a model that is stepped. A step leaves the given states as they are."""

    @property
    def worlds(self) -> Mapping[str, Any]: ...

    def prepare(self, world: str, prompt: str) -> Any: ...

    def start(self, world: str, seed: int, conditioning: Any) -> Any: ...

    def step(
        self,
        states: Sequence[Any],
        actions: Sequence[NDArray[np.float32]],
        emit: Callable[[int, Any], None],
    ) -> list[Any]: ...

    def release(self, state: Any) -> None: ...


class LocalEnv(WorldEnv):
    """One run of a world of `model`, of which a step is so many `chunks`. The model is not closed
    with it. Raises ClientError for a world that it does not have."""

    def __init__(
        self,
        model: StepModel,
        world: str,
        *,
        judge: Judge = unjudged,
        max_steps: int | None = None,
        chunks: int = 1,
        max_buttons_pressed: int = 0,
        render_mode: str | None = None,
    ) -> None:
        def remake(render_mode: str | None = None) -> LocalEnv:
            return LocalEnv(
                model,
                world,
                judge=judge,
                max_steps=max_steps,
                chunks=chunks,
                max_buttons_pressed=max_buttons_pressed,
                render_mode=render_mode,
            )

        rows = LocalRows(model, world, chunks, max_buttons_pressed)
        super().__init__(rows, "lightcone/Local-v0", remake, judge, max_steps, render_mode)


class LocalVectorEnv(WorldVectorEnv):
    """`num_envs` runs of a world of `model`, all in one step of it. Otherwise as LocalEnv: a run
    with the same seed and actions shows the same, as far as the model's batches are exact."""

    def __init__(
        self,
        model: StepModel,
        world: str,
        num_envs: int,
        *,
        judge: Judge = unjudged,
        max_steps: int | None = None,
        chunks: int = 1,
        max_buttons_pressed: int = 0,
    ) -> None:
        rows = LocalRows(model, world, chunks, max_buttons_pressed)
        super().__init__(rows, num_envs, judge, max_steps)


class LocalRows:
    """Runs of a world of a model."""

    deterministic = True

    def __init__(self, model: StepModel, world: str, chunks: int, max_buttons_pressed: int) -> None:
        if world not in model.worlds:
            raise ClientError(f"the model has no '{world}' (known: {', '.join(model.worlds)})")
        self._model = model
        self._info: StepWorld = model.worlds[world]
        self._chunks = chunks
        self._states: dict[int, Any] = {}
        names = [button.name for button in self._info.buttons]
        self.spaces = WorldSpaces(self._info, names, chunks, max_buttons_pressed)

    def advance(self, turns: Mapping[int, Turn]) -> dict[int, Shown]:
        """Raises what the model raises: for a prompt that the world does not take, say."""
        for row, turn in turns.items():
            if isinstance(turn, Begin):
                self._start(row, turn)
        parts: dict[int, list[Any]] = {row: [] for row in turns}
        for _ in range(self._chunks):
            for rows in self._alike(turns):
                self._step(rows, turns, parts)
        return {row: self._shown(row, parts[row]) for row in turns}

    def close(self) -> None:
        for row in list(self._states):
            self._model.release(self._states.pop(row))

    def _start(self, row: int, begin: Begin) -> None:
        unknown = set(begin.options) - {"prompt"}
        if unknown:
            raise ClientError(f"no option '{unknown.pop()}' (known: prompt)")
        conditioning = self._model.prepare(self._info.name, begin.options.get("prompt", ""))
        state = self._model.start(self._info.name, begin.seed, conditioning)
        if row in self._states:
            self._model.release(self._states[row])
        self._states[row] = state

    def _alike(self, turns: Mapping[int, Turn]) -> list[list[int]]:
        """Rows whose next chunk is equally long: a step takes no others together."""
        by_length: dict[int, list[int]] = defaultdict(list)
        for row in turns:
            by_length[self._info.frames_of(self._states[row].chunk)].append(row)
        return list(by_length.values())

    def _step(
        self, rows: Sequence[int], turns: Mapping[int, Turn], parts: Mapping[int, list[Any]]
    ) -> None:
        """One chunk of each."""
        before = [self._states[row] for row in rows]
        frames = self._info.frames_of(before[0].chunk)
        actions = [self._info.actions(*_held(turns[row]), frames) for row in rows]
        after = self._model.step(before, actions, lambda i, part: parts[rows[i]].append(part))
        for row, old, new in zip(rows, before, after, strict=True):
            self._states[row] = new
            self._model.release(old)

    def _shown(self, row: int, parts: Sequence[Any]) -> Shown:
        sounds = [part.sound for part in parts if part.sound is not None]
        sound = np.concatenate(sounds) if sounds else None
        last = int(self._states[row].frame) - 1
        return self.spaces.seen(parts[-1].frames[-1], sound), {"world_frame": last}


def _held(turn: Turn) -> tuple[Sequence[str], Mapping[str, float]]:
    return (turn.buttons, turn.axes) if isinstance(turn, Act) else ((), {})
