"""How a model is played before the judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightcone.model.evaluation.judge.clips import Clip
from lightcone.model.evaluation.judge.protocol import Frames, Judged, Sound, spans, step
from lightcone.model.evaluation.judge.truth import Played
from lightcone.model.interface import Actions, WorldInfo


@dataclass(frozen=True)
class Answer:
    """What somebody makes of a clip: its frames and sound after the context."""

    frames: Frames
    sound: Sound | None


@dataclass(frozen=True)
class Candidate:
    """The model that is judged, in one world. `tick` is called after every chunk."""

    model: Judged
    world: str
    steps: int | None = None
    tick: Callable[[], object] = lambda: None

    @property
    def info(self) -> WorldInfo:
        return self.model.worlds[self.world]

    def after_context(self, clip: Clip) -> Any:
        """The state after the true frames of a clip's context."""
        state, at = None, 0
        for frames in spans(self.info, 0, clip.context):
            state = self._follow(state, clip.played.part(at, at + frames))
            at += frames
        return state

    def free(self, state: Any, actions: Actions, release: bool = True) -> Answer:
        """Free-running: nothing but actions is given. The state that is given stays; with
        `release` the last one is let go."""
        made, own, at = [], state, 0
        for frames in spans(self.info, state.chunk, len(actions)):
            held = actions[at : at + frames]
            held = np.concatenate([held, np.zeros((frames - len(held), held.shape[1]), np.float32)])
            before, (own, chunk) = own, step(self.model, own, held, self.steps)
            self._release(before, state)
            made.append(chunk)
            at += frames
            self.tick()
        if release:
            self._release(own, state)
        sounds = [chunk.sound for chunk in made if chunk.sound is not None]
        frames_made = np.concatenate([chunk.frames for chunk in made])[: len(actions)]
        sound = np.concatenate(sounds) if sounds else None
        if sound is not None:
            sound = sound[: self.info.samples(0, len(actions))]
        return Answer(frames_made, sound)

    def forced(self, state: Any, truth: Played, frames: int) -> tuple[Frames, list[int]]:
        """Teacher-forced: every chunk is generated after the true ones. Returns the frames and
        the lengths of their chunks."""
        made, at = [], 0
        lengths = spans(self.info, state.chunk, min(frames, len(truth)))
        own = state
        for length in lengths:
            part = truth.part(at, at + length)
            after, chunk = step(self.model, own, part.actions, self.steps)
            self._release(after, state)
            made.append(chunk.frames)
            self.tick()
            before, own = own, self._follow(own, part)
            self._release(before, state)
            at += length
        self._release(own, state)
        return np.concatenate(made), lengths

    def codec(self, clip: Clip) -> Answer:
        """The truth of a clip through the codecs alone."""
        played = clip.played
        frames, sound = self.reconstruct(played.frames, played.sound)
        if sound is not None:
            sound = sound[played.info.samples(0, clip.context) :]
        return Answer(frames[clip.context :], sound)

    def reconstruct(self, frames: Frames, sound: Sound | None) -> tuple[Frames, Sound | None]:
        """True frames and sound through the codecs alone."""
        return self.model.reconstruct(self.world, frames, sound)

    def let_go(self, state: Any) -> None:
        self.model.release(state)

    def _follow(self, state: Any | None, part: Played) -> Any:
        numbers = part.numbers if part.names else None
        after = self.model.observe(
            state, self.world, part.frames, part.sound, part.actions, numbers, part.names,
            part.text,
        )  # fmt: skip
        self.tick()
        return after

    def _release(self, state: Any, but: Any) -> None:
        if state is not but:
            self.model.release(state)
