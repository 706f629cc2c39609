from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.families.wan import variants as wan
from lightcone.model.interface import WorldInfo
from lightcone.server.control.protocol import (
    MAX_ERROR_TEXT,
    MAX_MESSAGE_BYTES,
    MAX_PROMPT,
    Error,
    FromClient,
    Hello,
    Input,
    Message,
    Ping,
    Pong,
    Prompt,
    PromptReceipt,
    ProtocolError,
    Receipt,
    Rewind,
    RewindReceipt,
    Stall,
    Wheel,
    decode_client,
    decode_server,
    encode,
    schema,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
seqs = st.integers(0, 2**53 - 1)
client_messages = st.one_of(
    st.builds(
        Hello,
        version=st.integers(-(2**63), 2**63),
        want=st.sampled_from(["driver", "spectator"]),
        resume=st.none() | st.text(max_size=64),
    ),
    st.builds(
        Input,
        seq=seqs,
        t=numbers,
        buttons=st.lists(st.text(max_size=20), max_size=32),
        axes=st.dictionaries(st.text(max_size=20), numbers, max_size=8),
    ),
    st.builds(
        Prompt,
        seq=seqs,
        t=numbers,
        text=st.text(max_size=500),
        how=st.sampled_from(["cut", "blend", "recache"]),
        chunks=st.integers(1, 96),
    ),
    st.builds(
        Wheel,
        action=st.sampled_from(["ask", "give", "leave"]),
        seat=st.none() | st.text(max_size=64),
    ),
    st.builds(
        Rewind,
        seq=seqs,
        t=numbers,
        action=st.sampled_from(["start", "stop", "to"]),
        world_frame=seqs,
    ),
    st.builds(Ping, t=numbers),
)
server_messages = st.one_of(
    st.builds(
        Receipt, seq=seqs, t=numbers, world_frame=seqs, stream_frame=seqs, media_time=numbers
    ),
    st.builds(
        RewindReceipt,
        seq=seqs,
        t=numbers,
        action=st.sampled_from(["start", "stop", "to"]),
        world_frame=seqs,
        stream_frame=seqs,
        media_time=numbers,
    ),
    st.builds(
        PromptReceipt,
        seq=seqs,
        t=numbers,
        world_frame=seqs,
        stream_frame=seqs,
        media_time=numbers,
        full_world_frame=seqs,
        full_stream_frame=seqs,
        full_media_time=numbers,
        text=st.text(max_size=500),
    ),
    st.builds(Stall, media_time=numbers, held_ms=numbers),
    st.builds(Pong, t=numbers, media_time=numbers),
    st.builds(
        Error,
        code=st.just("invalid"),
        message=st.text(max_size=99),
        fatal=st.booleans(),
        seq=st.none() | seqs,
    ),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
names = [
    "seq",
    "t",
    "buttons",
    "axes",
    "text",
    "how",
    "chunks",
    "version",
    "want",
    "resume",
    "action",
    "x",
]
kinds = ["hello", "input", "prompt", "wheel", "rewind", "ping"]
fields = st.dictionaries(st.sampled_from(names), values)


@given(client_messages)
def test_what_a_client_sends_arrives(message: Message) -> None:
    assert decode_client(encode(message)) == message


@given(server_messages)
def test_what_the_server_sends_arrives(message: Message) -> None:
    assert decode_server(encode(message)) == message


def check_refused_or_whole(data: bytes) -> None:
    """Either a message, or an error that can be sent back."""
    refused: ProtocolError | None = None
    try:
        assert isinstance(decode_client(data), FromClient)
    except ProtocolError as error:
        refused = error
    if refused is not None:
        assert len(str(refused)) <= MAX_ERROR_TEXT
        answer = Error(code=refused.code, message=str(refused))
        assert decode_server(encode(answer)) == answer


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    check_refused_or_whole(data)


@given(values)
def test_any_msgpack_is_a_message_or_an_error(value: Any) -> None:
    check_refused_or_whole(msgpack.packb(value))


@given(
    st.sampled_from(
        ["hello", "input", "prompt", "wheel", "rewind", "ping", "pong", "status", 1, None]
    ),
    fields,
)
def test_any_fields_are_a_message_or_an_error(kind: Any, body: dict[str, Any]) -> None:
    check_refused_or_whole(msgpack.packb({**body, "type": kind}))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"type": "fly"}, "malformed"),
        ({}, "malformed"),
        ([], "malformed"),
        (7, "malformed"),
        ({"type": "input", "seq": 1, "t": 0.0}, "invalid"),
        ({"type": "input", "seq": "1", "t": 0.0, "buttons": []}, "invalid"),
        ({"type": "input", "seq": -1, "t": 0.0, "buttons": []}, "invalid"),
        ({"type": "input", "seq": 2**53, "t": 0.0, "buttons": []}, "invalid"),
        ({"type": "input", "seq": True, "t": 0.0, "buttons": []}, "invalid"),
        ({"type": "input", "seq": 1, "t": float("nan"), "buttons": []}, "invalid"),
        ({"type": "input", "seq": 1, "t": 0.0, "buttons": ["a"] * 33}, "invalid"),
        ({"type": "input", "seq": 1, "t": 0.0, "buttons": [], "x" * 3000: 1}, "invalid"),
        ({"type": "input", "seq": 1, "t": 0.0, "buttons": [], "axes": []}, "invalid"),
        ({"type": "input", "seq": 1, "t": 0.0, "buttons": [], "axes": {"a": "1"}}, "invalid"),
        (
            {"type": "input", "seq": 1, "t": 0.0, "buttons": [], "axes": {"a": float("inf")}},
            "invalid",
        ),
        ({"type": "prompt", "seq": 1, "t": 0.0}, "invalid"),
        ({"type": "prompt", "seq": 1, "t": 0.0, "text": "x" * (MAX_PROMPT + 1)}, "invalid"),
        ({"type": "prompt", "seq": 1, "t": 0.0, "text": "", "how": "fade"}, "invalid"),
        ({"type": "prompt", "seq": 1, "t": 0.0, "text": "", "chunks": 0}, "invalid"),
        ({"type": "prompt", "seq": 1, "t": 0.0, "text": "", "chunks": 97}, "invalid"),
        ({"type": "prompt", "seq": 1, "t": 0.0, "text": "", "chunks": 1.5}, "invalid"),
        ({"type": "hello", "version": 1, "want": "king"}, "invalid"),
        ({"type": "hello", "version": 1, "resume": "x" * 65}, "invalid"),
        ({"type": "wheel", "action": "steal"}, "invalid"),
        ({"type": "rewind", "seq": 1, "t": 0.0, "action": "to", "world_frame": -1}, "invalid"),
    ],
)
def test_errors_are_named(value: Any, code: str) -> None:
    with pytest.raises(ProtocolError) as error:
        decode_client(msgpack.packb(value))
    assert error.value.code == code


def test_a_whole_number_is_a_time() -> None:
    assert decode_client(msgpack.packb({"type": "ping", "t": 5})) == Ping(t=5.0)


def test_the_longest_prompt_fits_into_a_message_in_any_script() -> None:
    for letter in "aж語🌧":
        text = letter * MAX_PROMPT
        data = msgpack.packb(
            {
                "type": "prompt",
                "seq": 2**53 - 1,
                "t": 1e300,
                "text": text,
                "how": "recache",
                "chunks": 96,
            }
        )
        assert len(data) <= MAX_MESSAGE_BYTES
        message = decode_client(data)
        assert isinstance(message, Prompt)
        assert message.text == text


def test_no_family_takes_longer_prompts_than_the_protocol() -> None:
    assert wan.PROMPT_LENGTH <= MAX_PROMPT
    assert WorldInfo.prompt_length <= MAX_PROMPT


def test_large_messages_are_not_even_parsed() -> None:
    with pytest.raises(ProtocolError) as error:
        decode_client(b"\xc0" * (MAX_MESSAGE_BYTES + 1))
    assert error.value.code == "too_large"


def test_the_schema_names_every_message() -> None:
    exported = schema()
    assert exported["version"] == 3
    client = {"Hello", "Input", "Prompt", "Wheel", "Rewind", "Ping"}
    assert set(exported["client"]["$defs"]) == client
    receipts = {"Receipt", "PromptReceipt", "RewindReceipt"}
    assert {"Welcome", "Status", "Stall", "Pong", "Error", *receipts} <= set(
        exported["server"]["$defs"]
    )
