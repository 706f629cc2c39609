"""`lightcone replay`: compute a session again from its action log, and compare every chunk."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lightcone.model.catalogue import WEIGHTS_DIR, ModelSettings, open_model, world_info
from lightcone.model.interface import Actions, Image, Model, WeightsError, WorldInfo
from lightcone.model.runtime.snapshot import unpack
from lightcone.model.runtime.threads import use_threads
from lightcone.server.pictures.errors import BadImage
from lightcone.server.pictures.own import decode_own
from lightcone.server.sessions.action_log import (
    ActionLog,
    LogError,
    LoggedChunk,
    LoggedFork,
    LoggedPrompt,
    LoggedReturn,
    Shape,
    control_names,
)


@dataclass(frozen=True)
class ReplaySettings:
    """With `in_batch`, chunks are computed in a batch of this size instead of the logged one."""

    weights: Path = WEIGHTS_DIR
    device: str = "cpu"
    in_batch: int | None = None
    action_guidance: float = 1.0


@dataclass(frozen=True)
class Replayed:
    """`equal` chunks of `chunks` have the logged digest; `first_unequal` is the number, from 1, and
    the first frame of the first one that has not. `batches` counts chunks by batch size."""

    world: str
    chunks: int
    equal: int
    first_unequal: tuple[int, int] | None
    batches: dict[int, int]


def replay(log: ActionLog, settings: ReplaySettings) -> Replayed:
    """With a progress bar on stderr. Raises ModelError, and LogError where the log does not fit
    the world."""
    info = world_info(log.start.world, settings.weights)
    _check_world(log, info)
    model_settings = ModelSettings(
        settings.weights,
        log.start.steps,
        settings.device,
        settings.action_guidance,
        probe_compute_ms=0,
    )
    with contextlib.closing(open_model((info.name,), model_settings)) as model:
        if model.fingerprint != log.start.fingerprint:
            raise WeightsError(
                "the log was made with another model, action guidance or weights: fingerprint "
                f"{log.start.fingerprint}, not {model.fingerprint}"
            )
        unequal: list[tuple[int, int]] = []
        batches: Counter[int] = Counter()
        compared = compare(model, log, settings.in_batch)
        bar = tqdm(compared, total=log.chunks, unit="chunk", desc=info.name)
        for number, (logged, shape, equal) in enumerate(bar, 1):
            batches[shape.batch] += 1
            if not equal:
                unequal.append((number, logged.frame))
    return Replayed(
        world=info.name,
        chunks=log.chunks,
        equal=log.chunks - len(unequal),
        first_unequal=unequal[0] if unequal else None,
        batches=dict(sorted(batches.items())),
    )


def compare(
    model: Model, log: ActionLog, in_batch: int | None = None
) -> Iterator[tuple[LoggedChunk, Shape, bool]]:
    """Each chunk of the log, the shape in which it was computed again, and whether it is equal."""
    use_threads(log.start.threads)
    batch = _Batch(model, log.start.world)
    state = _start(model, log)
    kept = {state.frame: state}
    for entry in log.entries:
        match entry:
            case LoggedPrompt():
                conditioning = model.prepare(state.world, entry.text, running=True)
                state, _ = model.apply(state, conditioning, entry.how, entry.chunks)
            case LoggedReturn(snapshot=bytes(snapshot)):
                state = model.restore(unpack(snapshot))
            case LoggedReturn():
                state = kept[entry.frame]
            case LoggedFork():
                pass
            case LoggedChunk():
                shape = entry.shape
                if in_batch is not None:
                    shape = replace(shape, batch=in_batch, row=min(shape.row, in_batch - 1))
                state = batch.step(state, entry.actions, shape)
                yield entry, shape, model.digest(state) == entry.digest
        # as a chunk left it: prompts given at this frame are not part of it
        if isinstance(entry, LoggedChunk | LoggedReturn) and state.frame in log.returned_to:
            kept[state.frame] = state
    batch.release()
    model.release(state)


class _Batch:
    """Steps a session among others that have other seeds and other actions: in its own row nothing
    may depend on them."""

    def __init__(self, model: Model, world: str) -> None:
        self._model = model
        self._info = model.worlds[world]
        self._others: list[Any] = []

    def step(self, state: Any, actions: Actions, shape: Shape) -> Any:
        """The state after the chunk. Raises LogError where it has another length."""
        frames = self._info.frames_of(state.chunk)
        if len(actions) != frames:
            raise LogError(
                f"the chunk at frame {state.frame} has {len(actions)} frames, not {frames}"
            )
        use_threads(shape.threads)
        others = [self._other(i, frames) for i in range(shape.batch - 1)]
        states = [*others[: shape.row], state, *others[shape.row :]]
        inputs = [self._inputs(i, frames) for i in range(shape.batch)]
        inputs[shape.row] = actions
        after = self._model.step(states, inputs, lambda row, part: None, shape.steps)
        mine = after.pop(shape.row)
        self._others[: len(after)] = after
        return mine

    def release(self) -> None:
        for state in self._others:
            self._model.release(state)

    def _other(self, number: int, frames: int) -> Any:
        """A session whose next chunk has so many frames."""
        if number == len(self._others):
            self._others.append(self._started(number))
        state = self._others[number]
        if self._info.frames_of(state.chunk) != frames and state.chunk > 0:
            self._model.release(state)
            state = self._started(number)
        while self._info.frames_of(state.chunk) != frames:
            alone = self._inputs(number, self._info.frames_of(state.chunk))
            [state] = self._model.step([state], [alone], lambda row, part: None)
        return state

    def _started(self, number: int) -> Any:
        info = self._info
        image = None
        if info.image == "required":
            image = np.full((info.height, info.width, 3), 128, np.uint8)
        conditioning = self._model.prepare(info.name, image=image)
        return self._model.start(info.name, 1000 + number, conditioning)

    def _inputs(self, number: int, frames: int) -> Actions:
        """Each holds another button."""
        buttons = self._info.buttons
        held = [buttons[number % len(buttons)].name] if buttons else []
        return self._info.actions(held, frames=frames)


def _start(model: Model, log: ActionLog) -> Any:
    """Raises PromptError, ImageError, SnapshotError and LogError."""
    start = log.start
    if start.snapshot is not None:
        state = model.restore(unpack(start.snapshot))
    else:
        assert start.seed is not None, "only a snapshot comes without a seed"
        image = None if start.image is None else _image(start.image, model.worlds[start.world])
        conditioning = model.prepare(start.world, start.prompt, image)
        state = model.start(start.world, start.seed, conditioning)
    if state.frame != start.frame:
        raise LogError(f"the log begins at frame {start.frame}, its session at {state.frame}")
    return state


def _image(png: bytes, info: WorldInfo) -> Image:
    try:
        return decode_own(png, info.width, info.height)
    except BadImage as error:
        raise LogError(f"the image of the log can not be read: {error}") from error


def _check_world(log: ActionLog, info: WorldInfo) -> None:
    """Raises LogError."""
    controls = control_names(info)
    if log.start.controls != controls:
        theirs, ours = ", ".join(log.start.controls), ", ".join(controls)
        raise LogError(f"the log has the controls {theirs}; {info.name} has {ours}")
    if log.start.fps != info.fps:
        raise LogError(f"the log is at {log.start.fps} fps; {info.name} is at {info.fps}")
