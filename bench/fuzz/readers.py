"""The readers of what comes from outside. Each takes what it is given, or refuses it by name;
anything else that it raises is a defect."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import get_args

import msgpack
import numpy as np

from lightcone.bench.fuzz.draws import Provider, entries, pick, text, value
from lightcone.model.families.probe.variants import PROBE
from lightcone.model.interface import PromptError, Snapshot, SnapshotError
from lightcone.model.runtime.snapshot import pack, unpack
from lightcone.server.control.commands import check_prompt
from lightcone.server.control.input_gate import InputGate
from lightcone.server.control.protocol import (
    FromClient,
    Hello,
    Input,
    Ping,
    Prompt,
    ProtocolError,
    Rewind,
    Wheel,
    decode_client,
    encode,
)
from lightcone.streaming import BadOffer
from lightcone.streaming.viewers.offers import parse_offer

TAKEN = "taken"

Reader = Callable[[Provider], str]
"""Reads what is drawn; TAKEN, or the name of the refusal."""

_KINDS = tuple(kind.model_fields for kind in get_args(FromClient))
_NAMES = (
    *{name for fields in _KINDS for name in fields},
    *(str(fields["type"].default) for fields in _KINDS),
    *(button.name for button in PROBE.buttons),
    *(axis.name for axis in PROBE.axes),
    "driver", "spectator", "cut", "blend", "recache", "ask", "give", "leave", "start", "stop", "to",
)  # fmt: skip


def read_control(draw: Provider) -> str:
    """A message of a control client, up to what is handed to its session."""
    data = _control_bytes(draw)
    try:
        message = decode_client(data)
        if isinstance(message, Input):
            InputGate(PROBE).check(message)
        elif isinstance(message, Prompt):
            check_prompt(PROBE, message.text)
    except ProtocolError as error:
        return _refused(error, error.code)
    except PromptError:
        return "unknown_words"
    assert decode_client(encode(message)) == message, "not what was sent"
    return TAKEN


def _refused(error: Exception, name: str) -> str:
    """A refusal goes back to its sender, and into logs."""
    assert str(error).isprintable(), "a refusal that is no line"
    return name


def _control_bytes(draw: Provider) -> bytes:
    if draw.ConsumeIntInRange(0, 3) == 0:
        return draw.ConsumeBytes(draw.remaining_bytes())
    message = dict(pick(draw, _MESSAGES))
    for _ in range(draw.ConsumeIntInRange(0, 2)):
        name = pick(draw, list(message)) if draw.ConsumeIntInRange(0, 7) else text(draw)
        if draw.ConsumeIntInRange(0, 7):
            message[name] = _control_value(draw, name)
        else:
            message.pop(name, None)
    if not message:
        return b""
    packed: bytes = msgpack.packb(_packable(message))
    return packed


def _control_value(draw: Provider, name: str) -> object:
    """Anything, or what is nearly right: names and strengths that the world may not have."""
    if name == "buttons" and draw.ConsumeBool():
        return [_name(draw) for _ in range(draw.ConsumeIntInRange(0, 3))]
    if name == "axes" and draw.ConsumeBool():
        strengths = (0.0, 1.0, -3.0, 3.5, draw.ConsumeFloat())
        return {_name(draw): pick(draw, strengths) for _ in range(draw.ConsumeIntInRange(0, 3))}
    return value(draw, _NAMES)


def _name(draw: Provider) -> str:
    return pick(draw, _NAMES) if draw.ConsumeBool() else text(draw)


def _packable(of: object) -> object:
    """msgpack writes integers of 64 bits at most."""
    if isinstance(of, dict):
        return {key: _packable(each) for key, each in of.items()}
    if isinstance(of, list):
        return [_packable(each) for each in of]
    return of % 2**63 if isinstance(of, int) and not isinstance(of, bool) else of


_MESSAGES: tuple[dict[str, object], ...] = tuple(
    message.model_dump()
    for message in (
        Hello(version=3),
        Input(seq=1, t=1.0, buttons=["left"], axes={"turn": 1.0}),
        Prompt(seq=1, t=1.0, text="red"),
        Wheel(action="ask"),
        Rewind(seq=1, t=1.0, action="start"),
        Ping(t=1.0),
    )
)


def read_offer(lines: list[str]) -> Reader:
    """A viewer's SDP offer, made from the lines of a good one."""

    def read(draw: Provider) -> str:
        try:
            offer = parse_offer(_offer_text(draw, lines))
        except BadOffer as error:
            return _refused(error, type(error).__name__)
        assert 1 <= len(offer.media) <= 2
        return TAKEN

    return read


def _offer_text(draw: Provider, lines: list[str]) -> str:
    if draw.ConsumeIntInRange(0, 3) == 0:
        return text(draw) + draw.ConsumeUnicodeNoSurrogates(draw.remaining_bytes())
    damaged = list(lines)
    for _ in range(draw.ConsumeIntInRange(0, 4)):
        at = draw.ConsumeIntInRange(0, len(damaged) - 1)
        other = draw.ConsumeIntInRange(0, len(lines) - 1)
        line = damaged[at]
        match draw.ConsumeIntInRange(0, 5):
            case 0:
                damaged[at] = lines[other]
            case 1:
                damaged.insert(at, lines[other])
            case 2:
                most = 1200 if draw.ConsumeIntInRange(0, 15) == 0 else 8
                damaged[at : at + 1] = [line] * draw.ConsumeIntInRange(1, most)
            case 3:
                damaged[at] = line[: draw.ConsumeIntInRange(0, len(line))] + text(draw)
            case 4:
                damaged[at] = line.replace("1", str(draw.ConsumeInt(8)))
            case _:
                damaged[at] = text(draw)
    return "\r\n".join(damaged) + "\r\n"


_SNAPSHOT = Snapshot("probe", "f", 2, {"x": np.arange(6, dtype=np.float32)}, {"prompt": "red"})
_BODY_AT = 36  # after the magic and the digest


def read_snapshot(draw: Provider) -> str:
    """The bytes of a snapshot that somebody uploads; mostly with a digest that is right."""
    data = _snapshot_bytes(draw)
    try:
        snapshot = unpack(data)
    except SnapshotError as error:
        return _refused(error, type(error).__name__)
    assert isinstance(snapshot.world, str)
    assert isinstance(snapshot.frame, int)
    return TAKEN


def _snapshot_bytes(draw: Provider) -> bytes:
    good = pack(_SNAPSHOT)
    kind = draw.ConsumeIntInRange(0, 3)
    if kind == 0:
        return good[: draw.ConsumeIntInRange(0, 60)] + draw.ConsumeBytes(draw.remaining_bytes())
    rest = good[_BODY_AT:]
    length = int.from_bytes(rest[:4], "big")
    header, body = rest[4 : 4 + length], rest[4 + length :]
    if kind == 1:
        names = ("world", "fingerprint", "frame", "meta")
        fields = dict.fromkeys(names, value(draw, names)) | entries(draw, names)
        header = msgpack.packb(_packable(fields))
        length = len(header)
    at = draw.ConsumeIntInRange(0, len(body))
    if kind == 2:
        body = body[:at] + draw.ConsumeBytes(draw.remaining_bytes()) + body[at:]
    elif kind == 3:
        length = draw.ConsumeIntInRange(0, 2**32 - 1)
    rest = length.to_bytes(4, "big") + header + body
    return good[:4] + sha256(rest).digest() + rest
