"""The seam: what a model is to everything outside `model/`.

A model is a family with weights. It is a set of pure steps over explicit states: a state is never
changed, so one that was stepped can be stepped again, and fork, rewind and retry follow from that.

numpy and the standard library only, so that callers can import it without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Actions = NDArray[np.float32]
"""Inputs of one chunk, frame by frame: (frames, buttons + axes). Columns of buttons, 0 or 1, in the
order of `WorldInfo.buttons`; then those of axes, within their `low` and `high`, in the order of
`WorldInfo.axes`."""

Image = NDArray[np.uint8]
"""(H, W, 3) RGB of a world's size."""

How = Literal["cut", "blend", "recache"]
"""How a running session takes new conditioning: at once, little by little, or at once with the
cache computed anew under it."""

DecoderName = Literal["vae", "taehv"]
"""What makes pictures of the latents of open weights: their own decoder, or a small fast one."""

PromptKind = Literal["none", "grammar", "free"]
ImageKind = Literal["none", "optional", "required"]

PROMPT_BREAK = ";"
"""Parts prompts that are given one after the other: what the later one names wins."""

AT_REST: Mapping[str, float] = MappingProxyType({})
"""No axis is moved."""


class ModelError(Exception):
    """Anything the model refuses at its edge; the message is one readable line."""


class UnknownWorld(ModelError):
    """No world has this name."""


class WeightsError(ModelError):
    """Weights are missing, corrupt, or made for another architecture."""


class UnsupportedSetting(ModelError):
    """A number of steps, a device, or a picture size that is not available."""


class SnapshotError(ModelError):
    """A snapshot is damaged, or was made with other weights or of another world."""


class EnvironmentFailed(ModelError):
    """A real environment raised, hung or ended where it must not."""


class ImageError(ModelError):
    """The world needs an image to start from, or takes none."""


class PromptError(ModelError):
    """A prompt that the world does not take. `words` are those that it does not know, or that do
    not go together ("red board"); `known` are all that it knows. Both are empty where the world
    takes no prompt, or the text is too long."""

    def __init__(self, words: Sequence[str], known: Sequence[str], reason: str = "") -> None:
        self.words = tuple(words)
        self.known = tuple(known)
        unknown = [word for word in words if " " not in word]
        apart = [word for word in words if " " in word]
        reasons = [reason] if reason else []
        if unknown:
            those = f"(known: {', '.join(self.known)})"
            reasons.append(f"unknown words in the prompt: {', '.join(unknown)} {those}")
        if apart:
            reasons.append(f"words that do not go together: {', '.join(apart)}")
        super().__init__("; ".join(reasons))


@dataclass(frozen=True)
class GamepadBinding:
    """One input of the W3C standard gamepad layout.

    `kind` is "button" (pressed) or "axis" (beyond half way towards `direction`, -1 or +1).
    """

    kind: Literal["button", "axis"]
    index: int
    direction: int = 0


@dataclass(frozen=True)
class Button:
    """One control of a world: its name in action files and messages, and default bindings."""

    name: str
    label: str
    keys: tuple[str, ...]  # W3C UI Events `code` values
    gamepad: tuple[GamepadBinding, ...] = ()


@dataclass(frozen=True)
class Axis:
    """One control that has a strength: 0 at rest, from `low` to `high`.

    With `mouse` "x", sideways motion of the mouse moves it, right towards `high`; with "y", motion
    up and down, down towards `high`. `gamepad` is of kind "axis"; the stick's end in `direction`
    is `high`.
    """

    name: str
    label: str
    low: float
    high: float
    mouse: Literal["x", "y"] | None = None
    gamepad: GamepadBinding | None = None


@dataclass(frozen=True)
class WorldInfo:
    """The fixed properties of a world.

    `fps` is frames a second of world time. `sample_rate` is None for a world without sound.
    `chunk_frames` are the lengths of the chunks in frames: the first chunk has the first, and so
    on; the last repeats. With `prompt` "grammar", `words` are all that a prompt may use when a
    session starts and `changing_words` those that a running session takes; with "free", any text
    of at most `prompt_length` characters.
    """

    name: str
    title: str
    description: str
    width: int
    height: int
    buttons: tuple[Button, ...]
    axes: tuple[Axis, ...] = ()
    fps: int = 24
    sample_rate: int | None = 24_000
    chunk_frames: tuple[int, ...] = (2,)
    prompt: PromptKind = "none"
    words: tuple[str, ...] = ()
    changing_words: tuple[str, ...] = ()
    prompt_length: int = 500
    image: ImageKind = "none"

    def frames_of(self, chunk: int) -> int:
        """Frames of the chunk with this index, from 0."""
        return self.chunk_frames[min(chunk, len(self.chunk_frames) - 1)]

    @property
    def chunk_seconds(self) -> float:
        """World time of a chunk in the long run."""
        return self.chunk_frames[-1] / self.fps

    def samples(self, first_frame: int, frames: int) -> int:
        """Samples of sound of these frames, 0 without sound. Where a frame is no whole number of
        samples, neighbours differ by one."""
        if self.sample_rate is None:
            return 0
        end, start = first_frame + frames, first_frame
        return end * self.sample_rate // self.fps - start * self.sample_rate // self.fps

    @property
    def controls(self) -> int:
        """Columns of `Actions`."""
        return len(self.buttons) + len(self.axes)

    def actions(
        self, held: Sequence[str], axes: Mapping[str, float] = AT_REST, frames: int | None = None
    ) -> Actions:
        """Actions of `frames` frames (default: of a chunk) in each of which exactly `held` is held
        and exactly `axes` are moved. Raises KeyError for unknown names."""
        controls: tuple[Button | Axis, ...] = (*self.buttons, *self.axes)
        index = {control.name: i for i, control in enumerate(controls)}
        out = np.zeros((frames or self.chunk_frames[-1], len(controls)), np.float32)
        for name in held:
            out[:, index[name]] = 1.0
        for name, value in axes.items():
            out[:, index[name]] = value
        return out


@dataclass(frozen=True)
class EpisodeStart:
    """Where an episode of an environment begins. The same `seed` and the same actions from this
    world frame on give the same episode again."""

    frame: int
    seed: int


@dataclass(frozen=True)
class Chunk:
    """Frames and the sound of exactly that time: a whole chunk, or a part of a long one.

    `first_frame` is a world frame: frames since the world began. `starts` is the last episode that
    begins in it; None where none does, and in worlds without episodes. `decode_s` is what decoding
    it took, seconds, with all of its batch; 0 where the family does not know.
    """

    first_frame: int
    frames: NDArray[np.uint8]  # (F, H, W, 3) RGB
    sound: NDArray[np.float32] | None  # (samples,) mono, within [-1, 1]; None without sound
    starts: EpisodeStart | None = None
    decode_s: float = 0.0

    @property
    def end_frame(self) -> int:
        return self.first_frame + len(self.frames)


Emit = Callable[[int, Chunk], None]
"""Takes the parts of a step's chunks as they are decoded: (row in the batch, part). The parts of a
row come in order and make up its chunk."""


@dataclass(frozen=True)
class Snapshot:
    """A state as plain data. `arrays` and `meta` are the family's own; `meta` holds only what
    msgpack can pack. `runtime/snapshot.py` makes bytes of it."""

    world: str
    fingerprint: str  # of the model that made it
    frame: int  # the world frame that comes next
    arrays: Mapping[str, NDArray[Any]]
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class Cost:
    """What sessions of a world cost, measured: median milliseconds of a step by batch size, bytes
    of a state, and the batch sizes ("buckets") that a step may have."""

    step_ms: Mapping[int, float]  # by bucket, ascending
    state_bytes: int

    def bucket(self, sessions: int) -> int:
        """The smallest bucket that takes so many sessions; the largest where none does."""
        return next((size for size in self.step_ms if size >= sessions), max(self.step_ms))


class State(Protocol):
    """Everything that a session needs to go on. Immutable: a step makes another one."""

    @property
    def world(self) -> str: ...

    @property
    def chunk(self) -> int:
        """Index of the chunk that comes next."""
        ...

    @property
    def frame(self) -> int:
        """The world frame that comes next."""
        ...


class Model(Protocol):
    """A family with weights. All methods may be called from several threads at once; none keeps
    anything between calls that is not in a state."""

    @property
    def worlds(self) -> Mapping[str, WorldInfo]: ...

    @property
    def fingerprint(self) -> str:
        """Names the family, its version and its weights: equal only where states can be
        exchanged and steps are equal."""
        ...

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of denoising steps that `step` takes, the default first, then fewer."""
        ...

    def prepare(
        self, world: str, prompt: str = "", image: Image | None = None, *, running: bool = False
    ) -> Any:
        """Conditioning for a start, or with `running` for a session that runs. May be slow: it is
        called off the step path. Raises PromptError and ImageError."""
        ...

    def start(self, world: str, seed: int, conditioning: Any) -> Any:
        """The state before the first chunk. Called off the step path."""
        ...

    def apply(self, state: Any, conditioning: Any, how: How, chunks: int) -> tuple[Any, int]:
        """The state under new conditioning, and the world frame from which it shows fully: the
        next one, or with "blend" the first of the last of the next `chunks` chunks. What a
        grammar's prompt does not name stays. Quick for "cut" and "blend"; "recache" may take
        several chunk times and is called off the step path."""
        ...

    def step(
        self,
        states: Sequence[Any],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[Any]:
        """Generate the next chunk of each state, of one world and of equal chunk length; emits the
        parts and returns the states after them. The given states are as they were, so a failed
        step can be repeated. `steps`: one of `self.steps`, default the first."""
        ...

    def digest(self, state: Any) -> bytes:
        """16 bytes that name the latents of the last chunk (for families without latents, its
        picture and sound): equal only where they are equal to the bit."""
        ...

    def snapshot(self, state: Any) -> Snapshot: ...

    def restore(self, snapshot: Snapshot) -> Any:
        """Raises SnapshotError."""
        ...

    def release(self, state: Any) -> None:
        """The state is not needed any more. For states that hold more than memory, such as a
        process or blocks in an arena; does nothing otherwise."""
        ...

    def cost(self, world: str) -> Cost:
        """Measured once, then kept; takes a second or so the first time."""
        ...

    def close(self) -> None:
        """Free whatever is not memory. No state can be stepped any more."""
        ...


def collect(
    model: Model, states: Sequence[Any], actions: Sequence[Actions], steps: int | None = None
) -> tuple[list[Any], list[Chunk]]:
    """One step with whole chunks, for those who need no parts."""
    parts: list[list[Chunk]] = [[] for _ in states]
    after = model.step(states, actions, lambda row, part: parts[row].append(part), steps)
    return after, [_join(each) for each in parts]


def _join(parts: Sequence[Chunk]) -> Chunk:
    if len(parts) == 1:
        return parts[0]
    sounds = [part.sound for part in parts if part.sound is not None]
    return Chunk(
        parts[0].first_frame,
        np.concatenate([part.frames for part in parts]),
        np.concatenate(sounds) if sounds else None,
        next((part.starts for part in reversed(parts) if part.starts is not None), None),
    )
