"""What an action log holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightcone.model.interface import Actions, How, WorldInfo


@dataclass(frozen=True)
class LogStart:
    """How a session began: from a seed, a prompt and an image (PNG bytes of the world's size), or
    from a snapshot (`model.runtime.snapshot` bytes), then `seed` may be None. `steps` is the
    number of denoising steps that the model was opened with (None: its family's own) and `threads`
    the number of threads, with which the first state was made. `controls` are the names of
    buttons, then axes."""

    world: str
    seed: int | None
    fingerprint: str
    fps: int
    controls: tuple[str, ...]
    prompt: str = ""
    image: bytes | None = None
    snapshot: bytes | None = None
    frame: int = 0
    steps: int | None = None
    threads: int = 1


@dataclass(frozen=True)
class Shape:
    """In which shape a chunk was computed: results are equal to the bit only in the same one."""

    batch: int
    row: int
    threads: int
    steps: int


@dataclass(frozen=True)
class LoggedChunk:
    frame: int
    actions: Actions = field(compare=False)
    shape: Shape
    digest: bytes

    @property
    def end(self) -> int:
        return self.frame + len(self.actions)


@dataclass(frozen=True)
class LoggedPrompt:
    frame: int
    text: str
    how: How
    chunks: int


@dataclass(frozen=True)
class LoggedReturn:
    """The session went back; with `crash`, because its worker was lost."""

    frame: int
    crash: bool
    snapshot: bytes | None


@dataclass(frozen=True)
class LoggedFork:
    frame: int
    session: str


Entry = LoggedChunk | LoggedPrompt | LoggedReturn | LoggedFork


@dataclass(frozen=True)
class ActionLog:
    start: LogStart
    entries: tuple[Entry, ...]

    @property
    def chunks(self) -> int:
        return sum(isinstance(entry, LoggedChunk) for entry in self.entries)

    @property
    def returned_to(self) -> frozenset[int]:
        """The frames whose states are needed again later."""
        returns = (entry for entry in self.entries if isinstance(entry, LoggedReturn))
        return frozenset(entry.frame for entry in returns if entry.snapshot is None)


def control_names(info: WorldInfo) -> tuple[str, ...]:
    """What the columns of a world's actions are called."""
    return (*(button.name for button in info.buttons), *(axis.name for axis in info.axes))
