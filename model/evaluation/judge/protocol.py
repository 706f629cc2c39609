"""What a model must do to be judged, beside serving: begin from a real moment, and show what its
codec alone makes of the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import Actions, Chunk, Emit, ModelError, WorldInfo

Frames = NDArray[np.uint8]
"""(F, H, W, 3) RGB."""

Sound = NDArray[np.float32]
"""(samples,) mono, within [-1, 1]."""


class NotJudged(ModelError):
    """The judge cannot measure this model, or not under these settings."""


@runtime_checkable
class Judged(Protocol):
    """The part of a `Model` that the judge uses, and two methods more."""

    @property
    def worlds(self) -> Mapping[str, WorldInfo]: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def steps(self) -> tuple[int, ...]: ...

    def prepare(self, world: str, prompt: str = "") -> Any: ...

    def start(self, world: str, seed: int, conditioning: Any) -> Any: ...

    def step(
        self,
        states: Sequence[Any],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[Any]: ...

    def release(self, state: Any) -> None: ...

    def close(self) -> None: ...

    def observe(
        self,
        state: Any | None,
        world: str,
        frames: Frames,
        sound: Sound | None,
        actions: Actions,
        numbers: NDArray[np.float32] | None = None,
        columns: Sequence[str] = (),
        text: str | None = None,
    ) -> Any:
        """The state after these true frames (F, H, W, 3), the sound of exactly their time, and the
        actions (F, controls) that were held in each of them: as if the model had generated them.
        They are whole chunks. None begins a state that has seen nothing; a state that is given is
        as it was, so it can be stepped as well. `numbers` (F, columns) are those of recordings,
        `columns` their names, for models that generate numbers too; `text` is the caption, for
        those that know words. Raises ModelError where something is missing."""
        ...

    def reconstruct(
        self, world: str, frames: Frames, sound: Sound | None
    ) -> tuple[Frames, Sound | None]:
        """What the codecs alone make of whole chunks of true frames and their sound, of the same
        shapes: the best that the model could reach."""
        ...


@runtime_checkable
class Reseeded(Protocol):
    """A model that generates by noise."""

    def reseeded(self, state: Any, seed: int) -> Any:
        """The same state, which goes on with the noise of another seed."""
        ...


def step(
    model: Judged, state: Any, actions: Actions, steps: int | None = None
) -> tuple[Any, Chunk]:
    """One chunk of one state."""
    parts: list[Chunk] = []
    [after] = model.step([state], [actions], lambda _, part: parts.append(part), steps)
    sounds = [part.sound for part in parts if part.sound is not None]
    frames = np.concatenate([part.frames for part in parts])
    return after, Chunk(parts[0].first_frame, frames, np.concatenate(sounds) if sounds else None)


def spans(info: WorldInfo, first_chunk: int, frames: int) -> list[int]:
    """The lengths of the fewest chunks, from `first_chunk` on, that hold at least so many
    frames."""
    lengths: list[int] = []
    while sum(lengths) < frames:
        lengths.append(info.frames_of(first_chunk + len(lengths)))
    return lengths
