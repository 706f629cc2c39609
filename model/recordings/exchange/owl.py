"""Imports sessions of OWL Control (github.com/Wayfarer-Labs/owl-control).

A session is a folder with a video (`recording.mp4`), `metadata.json` and `inputs.csv`, whose lines
are a time in seconds, an event and its arguments as JSON: `1760.25,KEYBOARD,"[87,true]"`. Keys have
Windows' numbers. Video time begins at VIDEO_START, in older sessions at START. Gamepads are left
out: their numbers depend on the pad.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import Actions, Axis, WorldInfo
from lightcone.model.recordings.exchange.importing import (
    Imported,
    Wishes,
    frames_at,
    seconds_of,
    size_of,
    sound_of,
    sound_rate,
)
from lightcone.model.recordings.exchange.keys import MOUSE_BUTTONS, W3C_CODES, buttons_of
from lightcone.model.recordings.format import BrokenEpisode, EpisodeMeta, NoRecordings
from lightcone.model.recordings.media import from_16_bits, scaled
from lightcone.model.recordings.scan import LeftOut
from lightcone.model.recordings.writer import EpisodeWriter

INPUTS, METADATA, VIDEO = "inputs.csv", "metadata.json", "recording.mp4"
SAMPLE_RATE = 24_000
PIECE = 32  # frames
_MOST = 0.999  # share of frames whose mouse motion fits the axis; what is faster is cut
_MOUSE = ("mouse_x", "mouse_y", "scroll")


@dataclass(frozen=True)
class Event:
    time: float  # seconds of video time
    name: str
    arguments: Any


@dataclass
class Log:
    """What a session's inputs were, in video time."""

    events: list[Event]
    end: float  # seconds
    held: set[str] = field(default_factory=set)  # at the beginning
    gamepad: int = 0  # events that are left out


@dataclass(frozen=True)
class _Session:
    path: Path
    video: Path
    log: Log
    frames: int


def import_owl(folder: Path, out: Path, wishes: Wishes, fps: int = 20) -> Imported:
    """All sessions at any depth below `folder`, as episodes of `out` with `fps` frames a second.
    They have the controls that any of them uses, and sound if all of them do. Raises NoRecordings
    and RecordingFailed."""
    sessions, left_out = _sessions(folder, fps)
    if not sessions:
        reasons = "; ".join(f"{each.path.name}: {each.reason}" for each in left_out[:3])
        raise NoRecordings(f"{folder} holds no whole session of OWL Control ({reasons or 'empty'})")
    moves = [moves_of(each.log, fps, each.frames) for each in sessions]
    info = _info(sessions, moves, wishes, fps)
    written = 0
    for number, (session, moved) in enumerate(zip(sessions, moves, strict=True)):
        try:
            _write(session, moved, info, out, f"owl-{number:06d}", wishes)
            written += 1
        except (BrokenEpisode, OSError, av.FFmpegError, ValueError) as error:
            left_out.append(LeftOut(session.path, str(error)))
    pads = sum(session.log.gamepad for session in sessions)
    notes = (f"{pads} events of gamepads were left out",) if pads else ()
    return Imported(written, tuple(left_out), notes)


def read_log(text: str) -> Log:
    """Of `inputs.csv`. Raises BrokenEpisode."""
    raw = list(_events(text))
    if not raw:
        raise BrokenEpisode(f"{INPUTS} has no events")
    named = {event.name: event.time for event in reversed(raw)}  # the first of each name
    origin = named.get("VIDEO_START", named.get("START", raw[0].time))
    stops = [each.time for each in raw if each.name in ("VIDEO_END", "END")]
    log = Log([], (min(stops) if stops else raw[-1].time) - origin)
    for event in raw:
        if event.name == "START" and isinstance(event.arguments, dict):
            inputs = event.arguments.get("inputs", {})
            log.held |= {_key(int(key)) for key in inputs.get("keyboard", ())}
            log.held |= {_mouse(int(key)) for key in inputs.get("mouse", ())}
        elif event.name.startswith("GAMEPAD"):
            log.gamepad += 1
        else:
            log.events.append(Event(event.time - origin, event.name, event.arguments))
    log.held.discard("")
    return log


def held_in(log: Log, names: Sequence[str], fps: int, frames: int) -> Actions:
    """(frames, names): 1 where a key was down in any part of the frame."""
    out = np.zeros((frames, len(names)), np.float32)
    column = {name: i for i, name in enumerate(names)}
    down = dict.fromkeys(log.held & column.keys(), 0)  # since which frame
    for event in log.events:
        index = math.floor(event.time * fps)
        if event.name == "UNFOCUS":
            for name in list(down):
                out[down.pop(name) : max(index, 0) + 1, column[name]] = 1
            continue
        name, pressed = _button(event)
        if name not in column:
            continue
        if pressed:
            down.setdefault(name, max(index, 0))
        elif name in down:
            out[down.pop(name) : max(index, 0) + 1, column[name]] = 1
    for name, since in down.items():
        out[since:, column[name]] = 1
    return out


def moves_of(log: Log, fps: int, frames: int) -> NDArray[np.float32]:
    """(frames, 3): counts of the mouse to the right and down, and of its wheel, in each frame."""
    out = np.zeros((frames, len(_MOUSE)), np.float32)
    for event in log.events:
        index = math.floor(event.time * fps)
        if 0 <= index < frames:
            if event.name == "MOUSE_MOVE":
                out[index, :2] += [float(value) for value in event.arguments[:2]]
            elif event.name == "SCROLL":
                out[index, 2] += float(event.arguments[0])
    return out


def _sessions(folder: Path, fps: int) -> tuple[list[_Session], list[LeftOut]]:
    if not folder.is_dir():
        raise NoRecordings(f"there is no folder {folder}")
    sessions, left_out = [], []
    for path in sorted(each.parent for each in folder.rglob(INPUTS)):
        try:
            video = _video(path)
            log = read_log((path / INPUTS).read_text())
            frames = int(min(log.end, seconds_of(video)) * fps)
            if frames < 1:
                raise BrokenEpisode("its video and its inputs do not overlap")
            sessions.append(_Session(path, video, log, frames))
        except (BrokenEpisode, OSError, ValueError, IndexError, av.FFmpegError) as error:
            left_out.append(LeftOut(path, str(error)))
    return sessions, left_out


def _video(path: Path) -> Path:
    if (path / VIDEO).exists():
        return path / VIDEO
    found = sorted(each for each in path.iterdir() if each.suffix in (".mp4", ".mkv"))
    if len(found) != 1:
        raise BrokenEpisode(f"it has {len(found)} videos, where one is needed")
    return found[0]


def _info(
    sessions: Sequence[_Session], moves: Sequence[NDArray[np.float32]], wishes: Wishes, fps: int
) -> WorldInfo:
    used: Counter[str] = Counter()
    for session in sessions:
        used.update(session.log.held)
        used.update(_button(event)[0] for event in session.log.events)
    used.pop("", None)
    far = np.abs(np.concatenate(moves))
    axes = []
    for i, name in enumerate(_MOUSE):
        moving = far[:, i][far[:, i] > 0]
        if len(moving):
            reach = float(np.ceil(np.quantile(moving, _MOST)))
            mouse: Any = ("x", "y", None)[i]
            axes.append(Axis(name, name.replace("_", " ").capitalize(), -reach, reach, mouse))
    width, height = wishes.size or size_of(sessions[0].video)
    heard = all(sound_rate(session.video) is not None for session in sessions)
    return WorldInfo(
        name=wishes.world,
        title=wishes.world.replace("_", " ").capitalize(),
        description="Recorded with OWL Control.",
        width=width,
        height=height,
        buttons=buttons_of(sorted(used)),
        axes=tuple(axes),
        fps=fps,
        sample_rate=SAMPLE_RATE if heard else None,
    )


def _write(
    session: _Session,
    moved: NDArray[np.float32],
    info: WorldInfo,
    out: Path,
    name: str,
    wishes: Wishes,
) -> None:
    columns = [_MOUSE.index(axis.name) for axis in info.axes]
    reach = np.array([axis.high for axis in info.axes], np.float32)
    held = held_in(session.log, [b.name for b in info.buttons], info.fps, session.frames)
    actions = np.concatenate([held, moved[:, columns].clip(-reach, reach)], 1)
    sound = None
    if info.sample_rate is not None:
        sound = from_16_bits(sound_of(session.video, info.sample_rate))
        wanted = info.samples(0, session.frames)
        sound = np.pad(sound, (0, max(wanted - len(sound), 0)))[:wanted]
    meta = EpisodeMeta(
        info, 0, f"OWL Control, {_game(session.path)}, played by a person",
        licence=wishes.licence, consent=wishes.consent or "given to OWL Control",
    )  # fmt: skip
    with EpisodeWriter(out, name, meta) as writer:
        block: list[NDArray[np.uint8]] = []
        for picture in frames_at(session.video, info.fps, 0.0, session.frames):
            block.append(scaled(picture, info.width, info.height))
            if len(block) == PIECE:
                _append(writer, info, block, sound, actions)
                block = []
        if block:
            _append(writer, info, block, sound, actions)
        writer.close()


def _append(
    writer: EpisodeWriter,
    info: WorldInfo,
    block: list[NDArray[np.uint8]],
    sound: NDArray[np.float32] | None,
    actions: Actions,
) -> None:
    start, stop = writer.frames, writer.frames + len(block)
    begin, end = info.samples(0, start), info.samples(0, stop)
    writer.write(np.stack(block), None if sound is None else sound[begin:end], actions[start:stop])


def _events(text: str) -> Iterator[Event]:
    for number, line in enumerate(text.splitlines()):
        time, _, rest = line.partition(",")
        name, _, arguments = rest.partition(",")
        if not rest or time == "timestamp":
            continue
        arguments = arguments.strip()
        if len(arguments) > 1 and arguments[0] == arguments[-1] == '"':
            arguments = arguments[1:-1]
        try:
            try:
                parsed = json.loads(arguments)
            except ValueError:
                parsed = json.loads(arguments.replace('""', '"'))  # as csv doubles quotes
            yield Event(float(time), name.strip(), parsed)
        except ValueError as error:
            raise BrokenEpisode(f"{INPUTS}, line {number + 1}: {error}") from error


def _button(event: Event) -> tuple[str, bool]:
    """What is pressed or let go of; "" for other events."""
    known = {"KEYBOARD": _key, "MOUSE_BUTTON": _mouse}.get(event.name)
    if known is None:
        return "", False
    return known(int(event.arguments[0])), bool(event.arguments[1])


def _key(number: int) -> str:
    return W3C_CODES.get(number, "")


def _mouse(number: int) -> str:
    return MOUSE_BUTTONS.get(number, "")


def _game(path: Path) -> str:
    try:
        return str(json.loads((path / METADATA).read_text())["game_exe"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown game"
