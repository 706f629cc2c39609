"""What an episode's `meta.json` says, and the errors of recordings. Standard library and numpy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from lightcone.model.interface import Axis, Button, GamepadBinding, ModelError, WorldInfo

VERSION = 1
PART = ".part"  # ends the name of a folder that is not whole yet
META = "meta.json"
PICTURE, SOUND = "picture.mp4", "sound.flac"
ACTIONS, STATE, LABELS = "actions.npy", "state.npy", "labels.npy"

LABEL_COLUMNS = ("frame", "kind", "thing", "left", "top", "width", "height")
"""Of `labels.npy`: the index of the frame in the episode, of the kind in `EpisodeMeta.kinds`, a
number that a thing keeps while it is there, and its box as shares of the picture, 0 to 1."""


class RecordingFailed(ModelError):
    """An episode cannot be written; those before it are whole."""


class BrokenEpisode(ModelError):
    """An episode is unfinished, damaged or truncated, or silent where it says it has sound."""


class NoRecordings(ModelError):
    """A folder holds no whole episode."""


class MixedRecordings(ModelError):
    """Episodes differ in what one training needs to be equal."""


@dataclass(frozen=True)
class FileRecord:
    """Of a whole file: its size and its blake2b digest."""

    bytes: int
    digest: str


@dataclass(frozen=True)
class EpisodeMeta:
    """`info` says what the world is to those who play it: name, size, rates, controls. How a model
    steps (chunks, prompts) is not of a recording and has `WorldInfo`'s defaults."""

    info: WorldInfo
    frames: int
    source: str  # "env:vizdoom/basic, agent random", "simulator court", "person", ...
    seed: int | None = None  # that the environment itself was given
    licence: str = ""
    consent: str = ""
    created: str = ""  # ISO 8601, UTC
    lightcone: str = ""  # version
    state: tuple[str, ...] = ()  # names of the columns of the state
    kinds: tuple[str, ...] = ()  # what labels show: "Monster/Demon"
    text: tuple[tuple[int, str], ...] = ()  # (frame from which it holds, text)
    ended: bool = False  # whether the environment ended it; else the recorder did
    peak: float = 0.0  # the loudest sample, 0 to 1
    files: Mapping[str, FileRecord] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Names what was recorded: equal where all files are."""
        named = blake2b(digest_size=16)
        for name in sorted(self.files):
            named.update(f"{name} {self.files[name].digest}\n".encode())
        return named.hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {
            "format": VERSION,
            **info_to_json(self.info),
            "frames": self.frames,
            "source": self.source,
            "seed": self.seed,
            "licence": self.licence,
            "consent": self.consent,
            "created": self.created,
            "lightcone": self.lightcone,
            "state": list(self.state),
            "kinds": list(self.kinds),
            "text": [list(each) for each in self.text],
            "ended": self.ended,
            "peak": self.peak,
            "digest": self.digest,
            "files": {name: asdict(record) for name, record in self.files.items()},
        }

    @staticmethod
    def from_json(data: Any) -> EpisodeMeta:
        """Raises BrokenEpisode."""
        try:
            if data["format"] != VERSION:
                raise BrokenEpisode(f"has format {data['format']}, not {VERSION}")
            return EpisodeMeta(
                info=info_from_json(data),
                frames=int(data["frames"]),
                source=str(data["source"]),
                seed=None if data.get("seed") is None else int(data["seed"]),
                licence=str(data.get("licence", "")),
                consent=str(data.get("consent", "")),
                created=str(data.get("created", "")),
                lightcone=str(data.get("lightcone", "")),
                state=tuple(map(str, data.get("state", ()))),
                kinds=tuple(map(str, data.get("kinds", ()))),
                text=tuple((int(frame), str(text)) for frame, text in data.get("text", ())),
                ended=bool(data.get("ended", False)),
                peak=float(data.get("peak", 0.0)),
                files={n: FileRecord(**record) for n, record in data["files"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise BrokenEpisode(f"{META} is damaged ({_reason(error)})") from error


def recorded_name(env: str) -> str:
    """The name that recordings of an environment have: "env:vizdoom/basic" gives "basic"."""
    return env.removeprefix("env:").rpartition("/")[2]


def read_meta(folder: Path) -> EpisodeMeta:
    """Raises BrokenEpisode."""
    try:
        data = json.loads((folder / META).read_bytes())
    except FileNotFoundError as error:
        raise BrokenEpisode(f"has no {META}") from error
    except (OSError, ValueError) as error:
        raise BrokenEpisode(f"{META} is damaged ({_reason(error)})") from error
    return EpisodeMeta.from_json(data)


def info_to_json(info: WorldInfo) -> dict[str, Any]:
    return {
        "world": info.name,
        "title": info.title,
        "description": info.description,
        "width": info.width,
        "height": info.height,
        "fps": info.fps,
        "sample_rate": info.sample_rate,
        "buttons": [asdict(button) for button in info.buttons],
        "axes": [asdict(axis) for axis in info.axes],
    }


def info_from_json(data: Mapping[str, Any]) -> WorldInfo:
    """Raises KeyError, TypeError and ValueError."""
    rate = data["sample_rate"]
    info = WorldInfo(
        name=str(data["world"]),
        title=str(data["title"]),
        description=str(data.get("description", "")),
        width=int(data["width"]),
        height=int(data["height"]),
        fps=int(data["fps"]),
        sample_rate=None if rate is None else int(rate),
        buttons=tuple(
            Button(
                str(each["name"]),
                str(each["label"]),
                tuple(map(str, each["keys"])),
                tuple(_binding(binding) for binding in each["gamepad"]),
            )
            for each in data["buttons"]
        ),
        axes=tuple(
            Axis(
                str(each["name"]),
                str(each["label"]),
                float(each["low"]),
                float(each["high"]),
                each["mouse"],
                None if each["gamepad"] is None else _binding(each["gamepad"]),
            )
            for each in data["axes"]
        ),
    )
    if min(info.width, info.height, info.fps, info.sample_rate or 1) < 1:
        raise ValueError("sizes and rates have to be positive")
    return info


def _binding(data: Mapping[str, Any]) -> GamepadBinding:
    return GamepadBinding(data["kind"], int(data["index"]), int(data["direction"]))


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
