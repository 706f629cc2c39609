"""What clients get of errors: nothing of the inside, and all that is about what they sent."""

from __future__ import annotations

import logging

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.families.probe.variants import PROBE
from lightcone.model.interface import (
    EnvironmentFailed,
    ImageError,
    ModelError,
    PromptError,
    SnapshotError,
    UnknownWorld,
    WeightsError,
)
from lightcone.server.control.input_gate import InputGate
from lightcone.server.control.protocol import (
    VERSION,
    Input,
    ProtocolError,
    decode_client,
)
from lightcone.server.errors import printable
from lightcone.server.http.problems import problem_of
from lightcone.server.outward import outward
from lightcone.server.sessions.origin import SessionOver
from lightcone.server.sessions.session_log import LogUnavailable
from lightcone.server.sessions.snapshot_store import StorageError
from lightcone.server.worker.errors import (
    RequestFailed,
    RewindError,
    StepTimeout,
    WorkerLost,
    WorkerRefused,
    error_of,
    failure,
)
from lightcone.streaming import BadOffer, RecordingError, StreamingError

SECRET = "/srv/secret/weights.safetensors: RuntimeError in torch"


@pytest.mark.parametrize(
    "error",
    [
        EnvironmentFailed(SECRET),
        WeightsError(SECRET),
        ModelError(SECRET),
        RequestFailed(SECRET),
        WorkerRefused(SECRET),
        StorageError(SECRET),
        LogUnavailable(SECRET),
        RecordingError(SECRET),
        ZeroDivisionError(SECRET),
        error_of(failure(1, KeyError(SECRET))),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_inside_is_in_the_log_alone(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        detail = problem_of(error).body["detail"]
    assert "secret" not in detail
    assert "torch" not in detail
    assert detail.endswith("the server's log has more")
    assert SECRET in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        ImageError("too dark"),
        PromptError(["moon"], ["day"]),
        SnapshotError("of other weights"),
        UnknownWorld("no world 'moon'"),
        SessionOver("it was deleted"),
        RewindError("frame 3 is before the oldest"),
        StepTimeout("a chunk was not made within 30 s"),
        WorkerLost("it has ended"),
        BadOffer("no media section"),
        StreamingError("no"),
        error_of(failure(1, TimeoutError("it took longer than 30 s"))),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_about_the_request_is_shown(error: Exception) -> None:
    assert outward(error) == str(error)


def take(data: bytes) -> None:
    decoded = decode_client(data)
    assert isinstance(decoded, Input)
    InputGate(PROBE).check(decoded)


FORGED = "x\n12:00:00 ERROR lightcone: all is lost\x1b[2J"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "hello", "version": VERSION, FORGED: 1},
        {"type": FORGED},
        {"type": "input", "seq": 1, "t": 0.0, "buttons": [FORGED], "axes": {}},
        {"type": "input", "seq": 1, "t": 0.0, "buttons": [], "axes": {FORGED: 1.0}},
        {"type": "input", "seq": 1, "t": 0.0, "buttons": [], "axes": {FORGED: "1"}},
    ],
)
def test_names_in_a_message_forge_no_line_of_the_log(message: dict[str, object]) -> None:
    with pytest.raises(ProtocolError) as refused:
        take(msgpack.packb(message))
    assert str(refused.value).isprintable()


@given(st.text())
def test_any_text_is_printable_in_a_line(text: str) -> None:
    written = printable(text)
    assert written.isprintable()
    assert written == text or not text.isprintable() or len(text) > len(written)
