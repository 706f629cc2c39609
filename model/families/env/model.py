"""Real environments as a model: a step asks the processes of its states and collects the answers.

A state is a record of what was played. The newest state of a session has a live process; an older
one, or one that is stepped for a second time with other inputs, gets a process that replays its
episode from the seed. That is exact for deterministic environments only.
"""

from __future__ import annotations

import hashlib
import os
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from statistics import median

import numpy as np

from lightcone.model.families.env.child import Describe, Played
from lightcone.model.families.env.player import episode_seed
from lightcone.model.families.env.process import EnvProcess
from lightcone.model.families.env.state import EnvState, History, Live
from lightcone.model.interface import (
    Actions,
    Chunk,
    Cost,
    Emit,
    EnvironmentFailed,
    EpisodeStart,
    How,
    Image,
    ImageError,
    PromptError,
    Snapshot,
    SnapshotError,
    UnsupportedSetting,
    WorldInfo,
)

STEP_SECONDS, START_SECONDS = 2.0, 30.0
REPLAY_SECONDS = 0.05  # more for each frame that is replayed
BUCKETS = (1, 2, 3, 4, 6, 8)
_MEASURED_STEPS = 20


class EnvModel:
    """A step may take `step_seconds`, a start `start_seconds`; what takes longer has failed, and
    its process is killed. Raises UnknownWorld and EnvironmentFailed."""

    steps = (1,)

    def __init__(
        self,
        worlds: Sequence[str],
        step_seconds: float = STEP_SECONDS,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self.worlds: Mapping[str, WorldInfo] = {name: environment_info(name) for name in worlds}
        self.fingerprint = _fingerprint()
        self._step_seconds = step_seconds
        self._start_seconds = start_seconds
        self._live: weakref.WeakSet[Live] = weakref.WeakSet()
        self._costs: dict[str, Cost] = {}

    def prepare(
        self, world: str, prompt: str = "", image: Image | None = None, *, running: bool = False
    ) -> None:
        if prompt.strip():
            raise PromptError((), (), f"'{world}' takes no prompt")
        if image is not None:
            raise ImageError(f"'{world}' takes no image")

    def start(self, world: str, seed: int, conditioning: None) -> EnvState:
        """Waits for the environment's process. Raises EnvironmentFailed."""
        nothing = np.zeros((0, self.worlds[world].controls), np.float32)
        state = EnvState(
            world=world, seed=seed, episode=0, history=History(nothing), chunk=0, frame=0,
            digest=bytes(16), live=self._opened(),
        )  # fmt: skip
        self._begin(state, state.live)
        state.live.ready()
        return state

    def apply(
        self, state: EnvState, conditioning: None, how: How, chunks: int
    ) -> tuple[EnvState, int]:
        """Changes nothing."""
        return state, state.frame

    def step(
        self,
        states: Sequence[EnvState],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[EnvState]:
        """All processes work at the same time. Where one fails this raises EnvironmentFailed, and
        the others keep their answers for when their states are stepped again."""
        if steps not in (None, *self.steps):
            raise UnsupportedSetting(f"an environment has no denoising steps, so not {steps}")
        lives = [self._asked(s, a) for s, a in zip(states, actions, strict=True)]
        deadline = time.monotonic() + self._step_seconds
        played: list[Played] = []
        failures: list[EnvironmentFailed] = []
        for live, state in zip(lives, states, strict=True):
            try:
                live.ready()
                late = 0.0 if live is state.live else self._step_seconds  # it had to begin first
                played.append(live.answer(max(deadline - time.monotonic(), late)))
            except EnvironmentFailed as error:
                failures.append(error)
        if failures:
            raise failures[0]
        after = []
        rows = zip(states, actions, lives, played, strict=True)
        for row, (state, inputs, live, part) in enumerate(rows):
            emit(row, Chunk(state.frame, part.frames, part.sound, _starts(state, part)))
            after.append(_after(state, inputs, live, part))
        return after

    def digest(self, state: EnvState) -> bytes:
        return state.digest

    def snapshot(self, state: EnvState) -> Snapshot:
        meta = {
            "seed": state.seed,
            "episode": state.episode,
            "chunk": state.chunk,
            "digest": state.digest,
        }
        inputs = {"inputs": state.history.inputs()}
        return Snapshot(state.world, self.fingerprint, state.frame, inputs, meta)

    def restore(self, snapshot: Snapshot) -> EnvState:
        """The episode is replayed meanwhile: only the first step waits for it."""
        if snapshot.fingerprint != self.fingerprint:
            mine, other = self.fingerprint, snapshot.fingerprint
            raise SnapshotError(f"the snapshot is of another model: {other}, not {mine}")
        if snapshot.world not in self.worlds:
            raise SnapshotError(f"the snapshot is of a world that is not open: {snapshot.world}")
        try:
            meta, inputs = snapshot.meta, np.asarray(snapshot.arrays["inputs"], np.float32)
            if inputs.ndim != 2 or inputs.shape[1] != self.worlds[snapshot.world].controls:
                raise ValueError(f"inputs of shape {inputs.shape}")
            seed, episode, chunk = (int(meta[name]) for name in ("seed", "episode", "chunk"))
            digest = bytes(meta["digest"])
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError(f"the snapshot is damaged: {error}") from error
        state = EnvState(
            world=snapshot.world, seed=seed, episode=episode, history=History(inputs),
            chunk=chunk, frame=snapshot.frame, digest=digest, live=self._opened(),
        )  # fmt: skip
        self._begin(state, state.live)
        return state

    def release(self, state: EnvState) -> None:
        state.live.release(state)

    def cost(self, world: str) -> Cost:
        """Measured with one process; more of them share the processors."""
        if world not in self._costs:
            self._costs[world] = self._measured(world)
        return self._costs[world]

    def close(self) -> None:
        """Waits until all processes have ended."""
        processes = [live.process for live in self._live]
        for process in processes:
            process.close()
        for process in processes:
            process.join()

    def _opened(self) -> Live:
        live = Live()
        self._live.add(live)
        return live

    def _begin(self, state: EnvState, live: Live) -> None:
        replayed = len(state.history.inputs())
        live.begin(state, self._start_seconds + REPLAY_SECONDS * replayed)

    def _asked(self, state: EnvState, inputs: Actions) -> Live:
        """The process that was asked for a step of the state."""
        if state.live.ask(state, inputs):
            return state.live
        live = self._opened()
        self._begin(state, live)
        live.ask(state, inputs)
        return live

    def _measured(self, world: str) -> Cost:
        state = self.start(world, 0, None)
        actions = self.worlds[world].actions([])
        times = []
        for _ in range(_MEASURED_STEPS):
            begun = time.perf_counter()
            [state] = self.step([state], [actions], lambda row, part: None)
            times.append(1000 * (time.perf_counter() - begun))
        size = _group_bytes(state.live.process.pid)
        self.release(state)
        step, processors = median(times), os.cpu_count() or 1
        return Cost({n: step * max(1.0, n / processors) for n in BUCKETS}, size)


@lru_cache
def environment_info(world: str) -> WorldInfo:
    """The properties of an environment, asked of a process that makes it: a second or two. Raises
    UnknownWorld and EnvironmentFailed."""
    process = EnvProcess()
    process.send(Describe(world))
    try:
        info = process.receive(START_SECONDS)
    finally:
        process.close()
    if not isinstance(info, WorldInfo):
        raise EnvironmentFailed(f"'{world}' did not describe itself")
    return info


def _fingerprint() -> str:
    """Of the family and of what its environments come from."""
    parts = ["env-1"]
    for package in ("gymnasium", "vizdoom"):
        with suppress(metadata.PackageNotFoundError):
            parts.append(f"{package}-{metadata.version(package)}")
    return "/".join(parts)


def _starts(state: EnvState, played: Played) -> EpisodeStart | None:
    begun = 0 if played.begun is None and state.history.empty else played.begun
    if begun is None:
        return None
    return EpisodeStart(state.frame + begun, episode_seed(state.seed, played.episode))


def _after(state: EnvState, inputs: Actions, live: Live, played: Played) -> EnvState:
    begun = played.begun
    rows = np.array(inputs[begun or 0 :])
    named = hashlib.blake2b(played.frames.data, digest_size=16)
    named.update(b"" if played.sound is None else played.sound.data)
    after = EnvState(
        world=state.world,
        seed=state.seed,
        episode=played.episode,
        history=History(rows, state.history if begun is None else None),
        chunk=state.chunk + 1,
        frame=state.frame + len(inputs),
        digest=named.digest(),
        live=live,
    )
    live.arrive(after)
    return after


def _group_bytes(group: int) -> int:
    """Memory of the processes of a group, in bytes; of Linux's /proc."""
    pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ProcessLookupError):
            if os.getpgid(int(folder.name)) == group:
                pages += int((folder / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
