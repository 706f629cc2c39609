"""States of environments: what was played, and the process that is where the newest of them is."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lightcone.model.families.env.child import Begin, Played, Step
from lightcone.model.families.env.process import EnvProcess
from lightcone.model.interface import Actions, EnvironmentFailed


@dataclass(frozen=True, eq=False)
class History:
    """The inputs of an episode up to now: those before, and then `rows` (frames, controls). States
    share what they have in common."""

    rows: Actions
    before: History | None = None

    @property
    def empty(self) -> bool:
        """Whether the episode is at its beginning."""
        return self.before is None and not len(self.rows)

    def inputs(self) -> Actions:
        """All of them: (frames, controls)."""
        return np.concatenate(list(self._parts())[::-1])

    def _parts(self) -> Iterator[Actions]:
        part: History | None = self
        while part is not None:
            yield part.rows
            part = part.before


@dataclass(frozen=True, eq=False)
class EnvState:
    """With the seed, `history`, the inputs of the episode that goes on, says everything about a
    deterministic environment."""

    world: str
    seed: int  # of the session
    episode: int
    history: History
    chunk: int
    frame: int
    digest: bytes
    live: Live = field(repr=False)


class Live:
    """A process that goes along with the newest of the states that share it, and knows its last
    answer. A state that it has left needs another one."""

    def __init__(self) -> None:
        self.process = EnvProcess()
        weakref.finalize(self, self.process.close).atexit = False  # it ends with this process
        self._lock = threading.Lock()  # of what follows
        self._at: EnvState | None = None  # where the process is
        self._asked: tuple[EnvState, bytes] | None = None  # the last step
        self._answering = threading.Lock()  # of what follows, held while an answer is awaited
        self._begin_seconds: float | None = None  # for an answer that has not come yet
        self._played: Played | None = None  # the answer to the last step

    def begin(self, state: EnvState, seconds: float) -> None:
        """Go where a state is, without waiting. The answer has to come within `seconds`."""
        inputs = state.history.inputs()
        self.process.send(Begin(state.world, state.seed, state.episode, inputs))
        self._begin_seconds = seconds
        self.arrive(state)

    def ready(self) -> None:
        """Wait for the beginning. Raises EnvironmentFailed."""
        with self._answering:
            seconds, self._begin_seconds = self._begin_seconds, None
            if seconds is not None:
                self.process.receive(seconds)

    def ask(self, state: EnvState, inputs: Actions) -> bool:
        """Ask for a step of a state, unless it is the last one, whose answer is known. False where
        the process is elsewhere."""
        asked = inputs.tobytes()
        with self._lock:
            if self._asked is not None and self._asked[0] is state and self._asked[1] == asked:
                return True
            if self._at is not state:
                return False
            self._at, self._asked, self._played = None, (state, asked), None
        self.process.send(Step(inputs))
        return True

    def answer(self, seconds: float) -> Played:
        """Of the last step. Raises EnvironmentFailed."""
        with self._answering:
            if self._played is None:
                try:
                    played = self.process.receive(seconds)
                    if not isinstance(played, Played):
                        raise EnvironmentFailed("the environment's process mixed up its answers")
                except EnvironmentFailed:
                    with self._lock:
                        self._asked = None  # a repeated step needs another process
                    raise
                self._played = played
            return self._played

    def arrive(self, state: EnvState) -> None:
        """The process is where this state is."""
        with self._lock:
            self._at = state

    def release(self, state: EnvState) -> None:
        """End the process where no newer state than this one needs it."""
        with self._lock:
            on_the_way = self._at is None and (self._asked is None or self._asked[0] is state)
            if not on_the_way and self._at is not state:
                return
            self._at = self._asked = None
        self.process.close()
