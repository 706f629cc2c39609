"""The client's messages are those of the server's protocol."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.client import bodies, messages
from lightcone.client.errors import CLOSE_CODES
from lightcone.model.families.probe.variants import PROBES
from lightcone.server.control import protocol
from lightcone.server.control.describe import describe
from lightcone.server.http.bodies import (
    Queued,
    RecordingBody,
    RewoundBody,
    SessionBody,
    SnapshotBody,
    entry_of,
)

TYPES = [*get_args(protocol.FromServer)]


def test_both_have_the_same_version_and_types() -> None:
    assert messages.VERSION == protocol.VERSION
    for mine, theirs in (
        (messages.FromServer, protocol.FromServer),
        (messages.FromClient, protocol.FromClient),
    ):
        tags = {kind.__struct_config__.tag for kind in get_args(mine)}
        assert tags == {kind.model_fields["type"].default for kind in get_args(theirs)}


@pytest.mark.parametrize("theirs", TYPES, ids=[kind.__name__ for kind in TYPES])
def test_every_field_of_the_server_is_known(theirs: type[protocol.Message]) -> None:
    mine = getattr(messages, theirs.__name__)
    assert {*mine.__struct_fields__, "type"} == set(theirs.model_fields)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (bodies.SessionEntry, SessionBody),
        (bodies.Rewound, RewoundBody),
        (bodies.SnapshotEntry, SnapshotBody),
        (bodies.RecordingFiles, RecordingBody),
    ],
)
def test_what_is_read_of_an_answer_is_in_it(mine: Any, theirs: Any) -> None:
    assert set(mine.__struct_fields__) <= set(theirs.model_fields)


def test_every_close_code_has_its_line() -> None:
    codes = {value for name, value in vars(protocol).items() if name.startswith("CLOSE_")}
    assert codes <= set(CLOSE_CODES)


def test_what_is_left_out_is_not_needed() -> None:
    assert set(bodies.Queued.__struct_fields__) == set(Queued.model_fields) - {"running"}


@pytest.mark.parametrize("world", PROBES)
def test_a_welcome_and_an_entry_of_the_catalogue_are_read(world: str) -> None:
    info = PROBES[world]
    session = describe("id", info, 30.0, play_recorded=True, consent="yes")
    sent = protocol.Welcome(version=3, role="driver", seat="s1", resume="t", session=session)
    read = messages.decode(protocol.encode(sent))
    assert isinstance(read, messages.Welcome)
    assert [c.name for c in read.session.controls] == [b.name for b in info.buttons]
    assert (read.session.width, read.session.consent) == (info.width, "yes")
    entry = msgspec.json.decode(entry_of(info).model_dump_json(), type=bodies.World)
    assert (entry.name, entry.sample_rate, entry.image) == (world, info.sample_rate, info.image)
    assert [(a.name, a.low, a.high) for a in entry.axes] == [
        (a.name, a.low, a.high) for a in info.axes
    ]


@pytest.mark.parametrize(
    "message",
    [
        messages.Hello(3, "driver", None),
        messages.Input(1, 2.5, ["left"], {"turn": -1.0}),
        messages.Prompt(2, 3.0, "red", "blend", 12),
        messages.Rewind(3, 3.0, "to", 240),
        messages.Wheel("give", "s2"),
        messages.Ping(4.0),
    ],
)
def test_the_server_takes_what_the_client_sends(message: messages.FromClient) -> None:
    read = protocol.decode_client(messages.encode(message))
    assert read.model_dump() == msgspec.to_builtins(message)


@given(st.binary(max_size=300))
def test_no_bytes_are_a_crash(data: bytes) -> None:
    messages.decode(data)


def test_new_fields_and_new_messages_are_ignored() -> None:
    newer = msgspec.msgpack.encode({"type": "pong", "t": 1, "media_time": 2.0, "mood": "good"})
    assert messages.decode(newer) == messages.Pong(1.0, 2.0)
    assert messages.decode(msgspec.msgpack.encode({"type": "applause"})) is None
