"""A model that is not learned: its pictures show their own world frame and the inputs in it, so
that receipts can be checked against what arrives.

A step takes the time that a learned model of the given cost would take.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from lightcone.model.families.probe.picture import Colour, draw, sound
from lightcone.model.families.probe.picture import read_axis as read_axis
from lightcone.model.families.probe.picture import read_colour as read_colour
from lightcone.model.families.probe.picture import read_frame_code as read_frame_code
from lightcone.model.families.probe.picture import read_ground as read_ground
from lightcone.model.families.probe.variants import COLOURS, PART_FRAMES, PROBES
from lightcone.model.families.probe.variants import PROBE as PROBE
from lightcone.model.interface import (
    PROMPT_BREAK,
    Actions,
    Chunk,
    Cost,
    Emit,
    How,
    Image,
    ImageError,
    PromptError,
    Snapshot,
    SnapshotError,
    UnknownWorld,
    UnsupportedSetting,
    WorldInfo,
)

FINGERPRINT = "probe-1"
GREY: Colour = (90, 90, 90)
BUCKETS = (1, 2, 3, 4, 6, 8)
EACH_MORE = 0.4  # share of one state's time that each further state of a batch takes
SLOW = 3.0  # factor of a slow step
HANG_S = 60.0


@dataclass(frozen=True)
class Conditioning:
    """What a prompt and an image become. None stands for what they leave as it is."""

    ground: Colour | None = None
    fault: str | None = None
    image: Image | None = None


@dataclass(frozen=True)
class Fade:
    """From chunk `start` to chunk `end` the ground goes from `old` to `new`."""

    old: Colour
    new: Colour
    start: int
    end: int

    def at(self, chunk: int) -> Colour:
        share = min((chunk - self.start + 1) / (self.end - self.start + 1), 1.0)
        return tuple(a + share * (b - a) for a, b in zip(self.old, self.new, strict=True))


@dataclass(frozen=True)
class ProbeState:
    world: str
    fade: Fade
    image: Image | None = None  # is the ground as long as it is there
    fault: str = "fine"
    chunk: int = 0
    frame: int = 0
    digest: bytes = bytes(16)

    @property
    def ground(self) -> Colour | Image:
        return self.fade.at(self.chunk) if self.image is None else self.image


class ProbeModel:
    """Steps of one state take `compute_ms`, those of n states compute_ms * (1 + 0.4 * (n - 1)),
    and with one of the two denoising steps half of that: nothing else differs.

    States of "probe-faulty" raise, hang or are slow in every step from the prompt of that name to
    the prompt "fine". `sleep` waits for so many seconds.
    """

    fingerprint = FINGERPRINT
    steps = (2, 1)

    def __init__(
        self,
        compute_ms: float = 20.0,
        worlds: Sequence[str] = tuple(PROBES),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if unknown := [name for name in worlds if name not in PROBES]:
            known = ", ".join(PROBES)
            raise UnknownWorld(f"there is no probe '{unknown[0]}' (known: {known})")
        self.worlds: Mapping[str, WorldInfo] = {name: PROBES[name] for name in worlds}
        self._compute_s = compute_ms / 1000
        self._sleep = sleep
        self._costs: dict[str, Cost] = {}

    def prepare(
        self, world: str, prompt: str = "", image: Image | None = None, *, running: bool = False
    ) -> Conditioning:
        info = self.worlds[world]
        _check_image(info, image, running)
        if info.prompt == "grammar":
            words = _words(info, prompt)
            colours = [word for word in words if word in COLOURS]
            faults = [word for word in words if word not in COLOURS]
            return Conditioning(
                COLOURS[colours[-1]] if colours else None, faults[-1] if faults else None, image
            )
        if prompt and info.prompt == "none":
            raise PromptError((), (), f"'{world}' takes no prompt")
        if len(prompt) > info.prompt_length:
            most = f"{info.prompt_length} characters"
            raise PromptError((), (), f"the prompt is longer than {most}")
        return Conditioning(text_colour(prompt) if prompt else None, image=image)

    def start(self, world: str, seed: int, conditioning: Conditioning) -> ProbeState:
        """The seed changes nothing."""
        colour = conditioning.ground or GREY
        fade = Fade(colour, colour, 0, 0)
        return ProbeState(world, fade, conditioning.image, conditioning.fault or "fine")

    def apply(
        self, state: ProbeState, conditioning: Conditioning, how: How, chunks: int
    ) -> tuple[ProbeState, int]:
        info = self.worlds[state.world]
        before = range(chunks - 1 if how == "blend" else 0)  # chunks before it shows fully
        shows = state.frame + sum(info.frames_of(state.chunk + i) for i in before)
        new = conditioning.ground or state.fade.new
        old = state.fade.at(state.chunk - 1)
        return replace(
            state,
            fade=Fade(old, new, state.chunk, state.chunk + len(before)),
            image=state.image if conditioning.ground is None else None,
            fault=conditioning.fault or state.fault,
        ), shows

    def step(
        self,
        states: Sequence[ProbeState],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[ProbeState]:
        info = self.worlds[states[0].world]
        frames = info.frames_of(states[0].chunk)
        if any(s.world != info.name or info.frames_of(s.chunk) != frames for s in states):
            raise ValueError("the states of a step are of one world and of equal chunk length")
        seconds = self._seconds(len(states), self._checked(steps))
        faults = {state.fault for state in states}
        if "raise" in faults:
            raise RuntimeError("a faulty probe raises")
        if "hang" in faults:
            self._sleep(HANG_S)
        if "slow" in faults:
            seconds *= SLOW
        hashes = [hashlib.blake2b(digest_size=16) for _ in states]
        for start, stop in _parts(frames):
            self._sleep(seconds * (stop - start) / frames)
            for row, (state, inputs) in enumerate(zip(states, actions, strict=True)):
                part = _chunk(info, state, start, inputs[start:stop])
                hashes[row].update(part.frames.data)
                hashes[row].update(b"" if part.sound is None else part.sound.data)
                emit(row, part)
        return [
            replace(s, chunk=s.chunk + 1, frame=s.frame + frames, digest=h.digest())
            for s, h in zip(states, hashes, strict=True)
        ]

    def digest(self, state: ProbeState) -> bytes:
        return state.digest

    def snapshot(self, state: ProbeState) -> Snapshot:
        meta = {
            "fade": asdict(state.fade),
            "fault": state.fault,
            "chunk": state.chunk,
            "digest": state.digest,
        }
        arrays = {} if state.image is None else {"image": state.image}
        return Snapshot(state.world, self.fingerprint, state.frame, arrays, meta)

    def restore(self, snapshot: Snapshot) -> ProbeState:
        if snapshot.fingerprint != self.fingerprint:
            other = snapshot.fingerprint
            raise SnapshotError(f"the snapshot is of another model: {other}, not {FINGERPRINT}")
        if snapshot.world not in self.worlds:
            raise SnapshotError(f"the snapshot is of a world that is not open: {snapshot.world}")
        try:
            return _restored(snapshot)
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError(f"the snapshot is damaged: {error}") from error

    def release(self, state: ProbeState) -> None:
        pass

    def cost(self, world: str) -> Cost:
        """The time of the computation is known, that of drawing is measured."""
        if world not in self._costs:
            info = self.worlds[world]
            drawing = 1000 * _drawing_seconds(info)
            step_ms = {n: 1000 * self._seconds(n, self.steps[0]) + n * drawing for n in BUCKETS}
            image = 0 if info.image == "none" else info.width * info.height * 3
            record = sys.getsizeof(_blank(info)) + sys.getsizeof(_blank(info).fade)
            self._costs[world] = Cost(step_ms, record + image)
        return self._costs[world]

    def close(self) -> None:
        pass

    def _seconds(self, batch: int, steps: int) -> float:
        return self._compute_s * (1 + EACH_MORE * (batch - 1)) * steps / self.steps[0]

    def _checked(self, steps: int | None) -> int:
        if steps is not None and steps not in self.steps:
            raise UnsupportedSetting(f"the probe takes 2 steps or 1, not {steps}")
        return steps or self.steps[0]


def text_colour(text: str) -> Colour:
    """The ground of "probe-text" under this prompt."""
    return tuple(float(byte) for byte in hashlib.blake2b(text.encode(), digest_size=3).digest())


def _words(info: WorldInfo, prompt: str) -> list[str]:
    words = prompt.replace(",", " ").replace(PROMPT_BREAK, " ").lower().split()
    if unknown := [word for word in words if word not in info.words]:
        raise PromptError(unknown, info.words)
    return words


def _check_image(info: WorldInfo, image: Image | None, running: bool) -> None:
    shape = (info.height, info.width, 3)
    if image is None:
        if info.image == "required" and not running:
            raise ImageError(f"'{info.name}' needs an image to start from")
    elif info.image == "none":
        raise ImageError(f"'{info.name}' takes no image")
    elif running:
        raise ImageError(f"'{info.name}' takes an image only when it starts")
    elif image.shape != shape:
        raise ImageError(f"the image is {image.shape}, not {shape}")


def _parts(frames: int) -> Iterator[tuple[int, int]]:
    for start in range(0, frames, PART_FRAMES):
        yield start, min(start + PART_FRAMES, frames)


def _chunk(info: WorldInfo, state: ProbeState, start: int, actions: Actions) -> Chunk:
    first = state.frame + start
    return Chunk(first, draw(info, state.ground, first, actions), sound(info, first, actions))


def _blank(info: WorldInfo) -> ProbeState:
    return ProbeState(info.name, Fade(GREY, GREY, 0, 0))


def _drawing_seconds(info: WorldInfo) -> float:
    """Of a chunk of one state."""
    actions = info.actions([])

    def once() -> float:
        start = time.perf_counter()
        part = _chunk(info, _blank(info), 0, actions)
        hashlib.blake2b(part.frames.data, digest_size=16)
        return time.perf_counter() - start

    return median(once() for _ in range(5))


def _restored(snapshot: Snapshot) -> ProbeState:
    meta: Mapping[str, Any] = snapshot.meta
    fade = meta["fade"]
    image = snapshot.arrays.get("image")
    return ProbeState(
        world=snapshot.world,
        fade=Fade(tuple(fade["old"]), tuple(fade["new"]), int(fade["start"]), int(fade["end"])),
        image=None if image is None else np.asarray(image, np.uint8),
        fault=str(meta["fault"]),
        chunk=int(meta["chunk"]),
        frame=snapshot.frame,
        digest=bytes(meta["digest"]),
    )
