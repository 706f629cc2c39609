from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.families.probe.variants import PROBES
from lightcone.model.interface import ImageError, PromptError, SnapshotError
from lightcone.server.worker import messages as wire
from lightcone.server.worker.errors import RequestFailed, RewindError, error_of, failure

MESSAGES: list[wire.Message] = [
    wire.Load(["probe"], "w", 1, "cpu", 1, 1.0, 5.0, 30.0, 0.5),
    wire.Open(1, "a", "probe", 2**62, "red", b"\x00\xff", wire.Sending(4, 1, 2)),
    wire.Watch("a", True, {"H264": 2_000_000, "VP8-thin": 1}),
    wire.Drive("a", True),
    wire.Input("a", "seat", 3, 1.5, ["left"], {"turn": -0.25}),
    wire.Condition(1, "a", "red", "blend", 3),
    wire.Rewind(1, "a", "stop"),
]
REPLIES: list[wire.Message] = [
    wire.Ready(list(PROBES.values()), {"probe": wire.StepCost({1: 2.0}, 1.0, 3)}, {}, 1.0),
    wire.Picture("a", "VP8", b"picture", 2**40, 2**63, True, 7),
    wire.Made("a", 4, 2, 4, 0.1, b"\x01", 3, 1, 2, 1, b"d", 20.0, 0.0,
              [wire.Carried("s", 1, 2.0, 4, 4, 0.1)]),
    wire.Stats(1.0, 2.0, 3.0, {"probe": {1: 2.0}}, 4, wire.Gpu("H100", 1, 2, 0.5), {"late": 3}),
    wire.Failed(3, "PromptError", "no", ["moon"], ["red"]),
]  # fmt: skip


@given(st.lists(st.sampled_from(MESSAGES)), st.integers(1, 50))
def test_messages_cross_a_stream_that_is_cut_anywhere(
    messages: list[wire.Message], size: int
) -> None:
    stream = b"".join(wire.encode(message) for message in messages)
    frames = wire.Frames()
    received = [
        wire.decode_to_worker(frame)
        for start in range(0, len(stream), size)
        for frame in frames.feed(stream[start : start + size])
    ]
    assert received == messages


def test_replies_cross_as_they_are() -> None:
    for message in REPLIES:
        [frame] = wire.Frames().feed(wire.encode(message))
        assert wire.decode_from_worker(frame) == message


def test_every_message_has_a_direction() -> None:
    both = {*get_args(wire.ToWorker), *get_args(wire.FromWorker)}
    parts = {wire.Sending, wire.StepCost, wire.Carried, wire.Gpu}
    assert set(wire.Message.__subclasses__()) == both | parts


def test_errors_keep_their_names_and_words() -> None:
    for error in (
        ImageError("no image"),
        SnapshotError("damaged"),
        RewindError("too far"),
        PromptError(["moon"], ["red"]),
        PromptError((), (), "too long"),
        PromptError(["red board"], ["red"], "and so on"),
    ):
        again = error_of(failure(1, error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        if isinstance(error, PromptError) and isinstance(again, PromptError):
            assert (again.words, again.known) == (error.words, error.known)
    other = error_of(failure(1, ValueError("first line\nsecond")))
    assert isinstance(other, RequestFailed)
    assert str(other) == "ValueError: first line"
