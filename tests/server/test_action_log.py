"""The action log: what is written is read, and what is spoiled is refused by name."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.pictures.own import decode_own
from lightcone.server.sessions.action_log import (
    ActionLog,
    LogError,
    LoggedChunk,
    LoggedFork,
    LoggedPrompt,
    LoggedReturn,
    LogStart,
    LogWriter,
    Shape,
    encode_png,
    parse_log,
    read_log,
)

START = LogStart("probe", 7, "probe-1", 24, ("left", "right", "turn"), prompt="red")
SHAPE = Shape(batch=4, row=1, threads=2, steps=1)
LEFT, REST = [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]


def rows(*values: list[float]) -> Any:
    return np.array(values, np.float32)


def written(log: ActionLog) -> bytes:
    file = io.BytesIO()
    writer = LogWriter(file, log.start)
    for entry in log.entries:
        match entry:
            case LoggedChunk():
                writer.chunk(entry.frame, entry.actions, entry.shape, entry.digest)
            case LoggedPrompt():
                writer.prompt(entry.frame, entry.text, entry.how, entry.chunks)
            case LoggedReturn(crash=True):
                writer.restored(entry.frame, entry.snapshot)
            case LoggedReturn():
                writer.rewind(entry.frame, entry.snapshot)
            case LoggedFork():
                writer.fork(entry.frame, entry.session)
    writer.end()
    return file.getvalue()


def chunk(frame: int, *values: list[float]) -> LoggedChunk:
    return LoggedChunk(frame, rows(*values), SHAPE, bytes([frame]) * 16)


STORY = ActionLog(
    START,
    (
        chunk(0, REST, LEFT),
        chunk(2, LEFT, LEFT),
        LoggedPrompt(4, "green; blue", "blend", 12),
        chunk(4, LEFT, [0.0, 0.0, -0.5]),
        LoggedReturn(2, False, None),
        chunk(2, REST, REST),
        LoggedFork(4, "other"),
        LoggedReturn(4, True, None),
        LoggedReturn(0, False, b"a snapshot"),
        chunk(0, LEFT, LEFT),
    ),
)


def test_lines_are_readable_and_hold_only_what_changed() -> None:
    lines = [json.loads(line) for line in written(STORY).splitlines()]
    assert lines[0]["controls"] == ["left", "right", "turn"]
    assert lines[1]["a"] == [[0, 0, 0], [1, 0, 0]]
    assert lines[2] == {"f": 2, "n": 2, "b": [4, 1, 2, 1], "d": "02" * 16}
    assert lines[4]["a"] == [[1, 0, 0], [0, 0, -0.5]]
    assert lines[6]["a"] == [[0, 0, 0]]
    assert lines[-1]["end"] == 5


def test_a_log_is_read_as_it_was_written() -> None:
    read = parse_log(written(STORY))
    assert read == STORY
    assert (read.chunks, read.returned_to) == (5, {2, 4})
    for a, b in zip(read.entries, STORY.entries, strict=True):
        if isinstance(a, LoggedChunk) and isinstance(b, LoggedChunk):
            np.testing.assert_array_equal(a.actions, b.actions)


def test_a_log_can_be_had_while_it_grows() -> None:
    file = io.BytesIO()
    writer = LogWriter(file, START)
    for frame in (0, 2):
        writer.chunk(frame, rows(LEFT, LEFT), SHAPE, bytes(16))
        assert parse_log(file.getvalue() + writer.last_line()).chunks == frame // 2 + 1


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
actions = st.lists(st.tuples(floats, floats, floats), min_size=1, max_size=4)


@st.composite
def logs(draw: st.DrawFn) -> ActionLog:
    snapshot = draw(st.none() | st.binary(min_size=1, max_size=8))
    first = draw(st.integers(0, 1000))
    start = LogStart(
        world=draw(st.text(max_size=8)),
        seed=draw(st.integers(0, 2**53)),
        fingerprint=draw(st.text(max_size=8)),
        fps=draw(st.integers(1, 120)),
        controls=START.controls,
        prompt=draw(st.text(max_size=8)),
        image=draw(st.none() | st.binary(max_size=8)),
        snapshot=snapshot,
        frame=first,
    )
    entries: list[Any] = []
    ends = [first]
    for _ in range(draw(st.integers(0, 8))):
        match draw(st.sampled_from(["chunk", "chunk", "prompt", "back", "fork"])):
            case "chunk":
                values = draw(actions)
                batch = draw(st.integers(1, 8))
                shape = Shape(batch, draw(st.integers(0, batch - 1)), 2, 1)
                array = np.array(values, np.float32)
                entries.append(LoggedChunk(ends[-1], array, shape, draw(st.binary(max_size=16))))
                ends.append(ends[-1] + len(values))
            case "prompt":
                entries.append(LoggedPrompt(ends[-1], draw(st.text(max_size=8)), "recache", 3))
            case "back":
                frame = draw(st.sampled_from(ends))
                entries.append(LoggedReturn(frame, draw(st.booleans()), None))
                ends = [end for end in ends if end <= frame]
            case "fork":
                entries.append(LoggedFork(ends[-1], draw(st.text(max_size=8))))
    return ActionLog(start, tuple(entries))


@given(logs())
def test_any_log_survives_its_file_to_the_bit(log: ActionLog) -> None:
    data = written(log)
    read = parse_log(data)
    assert read == log
    assert written(read) == data


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    whole = bytearray(written(STORY))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LogError):
        parse_log(bytes(whole))


@given(st.integers(0, len(written(STORY)) - 1))
def test_no_missing_end_goes_unnoticed(length: int) -> None:
    with pytest.raises(LogError):
        parse_log(written(STORY)[:length])


@given(st.binary(max_size=200))
def test_anything_is_read_or_refused(data: bytes) -> None:
    with pytest.raises(LogError):
        parse_log(data)


def spoiled(line: int, **fields: Any) -> bytes:
    """The story with other fields in one line (from 0)."""
    lines = written(STORY).splitlines(keepends=True)
    value = json.loads(lines[line]) | fields
    lines[line] = json.dumps({k: v for k, v in value.items() if v != "none"}).encode() + b"\n"
    return b"".join(lines)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no action log"),
        (b"\x00\xff", "no action log"),
        (b'{"t": 1, "buttons": []}', "no action log"),
        (b"[" * 100_000, "no action log"),
        (spoiled(0, lightcone_log=9), "a log of version 9; this reads version 1"),
        (spoiled(0, seed="seven"), "line 1: seed must be a whole number, not 'seven'"),
        (spoiled(0, seed=None), "line 1: seed must be a whole number"),
        (spoiled(0, seed=1.5), "line 1: seed must be a whole number"),
        (spoiled(0, world="none"), "line 1: 'world' is missing"),
        (spoiled(0, snapshot="?"), "line 1: snapshot must be base64"),
        (spoiled(0, controls=["left"]), "line 2: rows of actions do not fit the 1 controls"),
        (spoiled(0, frame=6), "line 2: frame 0 does not follow: frame 6 comes next"),
        (spoiled(0, prompt="blue"), "damaged"),
        (spoiled(1, a=[[1, 0]]), "line 2: rows of actions do not fit the 3 controls"),
        (spoiled(1, a=[[1e99, 0, 0]]), "line 2: an action is too large"),
        (spoiled(1, a=[[10**400, 0, 0]]), "line 2: an action is too large"),
        (spoiled(1, a=[REST] * 3), "line 2: 3 rows of actions for 2 frames"),
        (spoiled(1, a=[["1", 0, 0]]), "line 2: a must be rows of numbers"),
        (spoiled(1, a=[]), "line 2: 0 rows of actions"),
        (spoiled(1, n=10**9), "line 2: n must be from 1"),
        (spoiled(1, b=[1, 1, 1, 1]), "line 2: row must be from 0 to 0"),
        (spoiled(1, d="xy"), "line 2: d must be hexadecimal"),
        (spoiled(2, f=3), "line 3: frame 3 does not follow: frame 2 comes next"),
        (spoiled(3, how="fade"), "line 4: how must be one of"),
        (spoiled(5, rewind=3), "line 6: the session went back to frame 3, where no chunk ends"),
        (spoiled(5, rewind="none"), "line 6: no kind of line"),
        (spoiled(-1, end=4), "damaged"),
        (b"".join(written(STORY).splitlines(keepends=True)[:-1]), "ends early, after 5 chunks"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_bytes(data)
    with pytest.raises(LogError, match=r"run\.log: ") as error:
        read_log(path)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(LogError, match=r"/nowhere/run\.log: No such file"):
        read_log(Path("/nowhere/run.log"))


def test_a_session_that_began_from_a_snapshot_may_have_no_seed() -> None:
    start = LogStart("probe", None, "probe-1", 24, (), snapshot=b"bytes", frame=48)
    assert parse_log(written(ActionLog(start, ()))).start == start


def test_an_image_comes_back_to_the_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    np.testing.assert_array_equal(decode_own(encode_png(image), 128, 96), image)
