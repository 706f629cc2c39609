"""Offers of viewers: what is answered, how, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming_harness import FORMAT, HeadlessViewer
from virtual_time import run_virtual

from lightcone.streaming import (
    BadOffer,
    OfferTooLarge,
    Reach,
    SessionStream,
    StreamFormat,
    UnsupportedCodec,
    parse_address,
)
from lightcone.streaming.viewers.aiortc_compat import PLAYOUT_DELAY_URI
from lightcone.streaming.viewers.offers import (
    MAX_BYTES,
    MAX_CANDIDATES,
    MAX_CODECS,
    MAX_LINES,
)


async def answer_to(sdp: str, format: StreamFormat = FORMAT) -> str:
    stream = SessionStream(format)
    try:
        return (await stream.offer(sdp))[1]
    finally:
        await stream.close()


async def offer(codec: str | None = None) -> str:
    viewer = HeadlessViewer(codec)
    sdp = await viewer.offer()
    await viewer.close()
    return sdp


async def test_the_answer_only_sends_and_holds_all_candidates() -> None:
    answer = SessionDescription.parse(await answer_to(await offer()))
    assert [media.kind for media in answer.media] == ["video", "audio"]
    for media in answer.media:
        assert media.direction == "sendonly"
        assert media.ice_candidates_complete
        assert "127.0.0.1" in [candidate.ip for candidate in media.ice_candidates]
        assert {candidate.type for candidate in media.ice_candidates} == {"host"}
    assert answer.media[0].rtp.codecs[0].parameters["profile-level-id"] == "42e01f"
    assert [codec.name for codec in answer.media[1].rtp.codecs] == ["opus"]


@pytest.mark.parametrize(
    ("pattern", "replacement", "codec", "profile"),
    [
        ("42e01f", "42E01F", "H264", "42e01f"),  # hexadecimal digits of either case
        ("42001f|42e01f", "42e034", "H264", "42e01f"),  # a decoder of level 5.2
        ("42e01f", "640c1f", "H264", "42001f"),  # plain baseline and constrained high
        ("42001f|42e01f", "640c1f", "VP8", None),  # constrained high only
        ("packetization-mode=1", "packetization-mode=0", "VP8", None),
        (";profile-level-id=42..1f", "", "H264", "42e01f"),  # absent: taken as constrained baseline
    ],
)
async def test_h264_is_sent_to_whoever_can_decode_it(
    pattern: str, replacement: str, codec: str, profile: str | None
) -> None:
    answer = SessionDescription.parse(await answer_to(re.sub(pattern, replacement, await offer())))
    chosen = answer.media[0].rtp.codecs[0]
    assert chosen.name == codec
    assert chosen.parameters.get("profile-level-id") == profile


async def test_the_playout_delay_is_agreed_where_it_is_offered() -> None:
    plain = await offer()
    assert PLAYOUT_DELAY_URI not in await answer_to(plain)
    extended = plain.replace("a=mid:0", f"a=extmap:7 {PLAYOUT_DELAY_URI}\r\na=mid:0")
    assert f"a=extmap:7 {PLAYOUT_DELAY_URI}" in await answer_to(extended)


async def test_who_offers_to_send_as_well_only_receives() -> None:
    sdp = (await offer()).replace("a=recvonly", "a=sendrecv")
    assert (await answer_to(sdp)).count("a=sendonly") == 2


def test_hidden_names_do_not_delay_the_answer() -> None:
    """A browser's addresses come as mDNS names that nobody here can resolve; to look them up
    would take time, which passes only by waiting here."""

    async def scenario() -> None:
        sdp = re.sub(r"(a=candidate:\S+ \d udp \d+) \S+", r"\1 0-0.local", await offer())
        began = asyncio.get_running_loop().time()
        assert "a=sendonly" in await answer_to(sdp)
        assert asyncio.get_running_loop().time() - began < 1

    run_virtual(scenario())


@pytest.mark.parametrize(
    "sdp",
    ["", "hello", "v=0\r\n", '{"type": "offer"}', "m=video", "m=video 9 UDP/TLS/RTP/SAVPF x"],
)
async def test_what_is_no_offer_is_refused(sdp: str) -> None:
    with pytest.raises(BadOffer):
        await answer_to(sdp)


@pytest.mark.parametrize(
    ("pattern", "replacement", "reason"),
    [
        ("a=recvonly", "a=sendonly", "receive"),
        ("a=recvonly", "a=inactive", "receive"),
        ("a=recvonly\r\n", "", "receive"),
        ("a=group:BUNDLE.*\r\n", "", "bundle"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 0 1", "bundle"),
        ("a=mid:1", "a=mid:0", "bundle"),
        ("a=fingerprint:.*\r\n", "", "fingerprint"),
        ("a=setup:.*\r\n", "", "setup"),
        ("a=ice-pwd:.*\r\n", "", "ICE"),
        ("a=rtcp-mux\r\n", "", "RTCP"),
        ("a=ice-ufrag:.*\r\n", "", "ICE"),
        ("m=audio", "m=video", "at most"),
        ("m=audio", "m=application", "at most"),
    ],
)
async def test_offers_that_cannot_be_answered_are_refused(
    pattern: str, replacement: str, reason: str
) -> None:
    sdp = re.sub(pattern, replacement, await offer())
    with pytest.raises(BadOffer, match=reason):
        await answer_to(sdp)


LINES = {
    "candidates": "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * (MAX_CANDIDATES + 1),
    "codecs": "a=rtpmap:0 x/1\r\n" * (MAX_CODECS + 1),
    "lines": "a=x\r\n" * MAX_LINES,
    "bytes": "a=" + "x" * MAX_BYTES + "\r\n",
    "media sections": "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n",
}


@pytest.mark.parametrize("what", LINES)
async def test_an_offer_with_too_much_in_it_is_refused_unread(what: str) -> None:
    sdp = (await offer()).replace("a=mid:0", LINES[what] + "a=mid:0")
    with pytest.raises(OfferTooLarge, match=f"{what} \\(at most"):
        await answer_to(sdp)


async def test_no_check_goes_to_an_address_of_somebody_else() -> None:
    """Who offers from a public address names another one, and many: not a packet goes there."""
    stranger = await asyncio.get_running_loop().create_datagram_endpoint(
        Counting, local_addr=("127.0.0.1", 0)
    )
    port = stranger[0].get_extra_info("sockname")[1]
    named = f"a=candidate:1 1 udp 1 127.0.0.1 {port} typ host\r\n" * 40
    sdp = re.sub("a=candidate.*\r\n", "", await offer()).replace("a=mid:0", named + "a=mid:0")
    stream = SessionStream(FORMAT)
    await stream.offer(sdp, Reach(parse_address("203.0.113.5")))
    await stream.offer(sdp, Reach(parse_address("10.0.0.5")))
    await asyncio.sleep(0.3)  # the first checks go out at once, one each 20 ms
    assert stranger[1].packets == 0
    await stream.offer(sdp, Reach(parse_address("127.0.0.1")))
    async with asyncio.timeout(10):
        await stranger[1].found.wait()
    await stream.close()
    stranger[0].close()


class Counting(asyncio.DatagramProtocol):
    """Counts what comes."""

    def __init__(self) -> None:
        self.packets = 0
        self.found = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.packets += 1
        self.found.set()


@pytest.mark.parametrize(("name", "other"), [("VP8", "AV1"), ("opus", "L16")])
async def test_an_offer_without_a_codec_sent_here_is_refused(name: str, other: str) -> None:
    sdp = (await offer("VP8")).replace(name, other)
    with pytest.raises(UnsupportedCodec):
        await answer_to(sdp)
    assert asyncio.all_tasks() == {asyncio.current_task()}


DAMAGE = st.tuples(
    st.sampled_from(["lose", "double", "exchange", "cut", "scribble"]),
    st.integers(0, 200),
    st.integers(0, 200),
    st.text(max_size=20),
)


def damaged(lines: list[str], kind: str, at: int, other: int, text: str) -> list[str]:
    at, other = at % len(lines), other % len(lines)
    new = list(lines)
    if kind == "lose":
        del new[at]
    elif kind == "double":
        new.insert(other, lines[at])
    elif kind == "exchange":
        new[at], new[other] = lines[other], lines[at]
    else:
        new[at] = text if kind == "scribble" else lines[at][:other]
    return new


def test_a_damaged_offer_is_answered_or_refused() -> None:
    """Lines lost, doubled, exchanged, cut or scribbled over: an answer or BadOffer, no other."""
    whole = asyncio.run(offer()).splitlines()

    @settings(max_examples=30, deadline=None)
    @given(damages=st.lists(DAMAGE, min_size=1, max_size=4))
    def check(damages: list[tuple[str, int, int, str]]) -> None:
        lines = whole
        for damage in damages:
            lines = damaged(lines, *damage)
        with contextlib.suppress(BadOffer):
            assert "a=sendonly" in asyncio.run(answer_to("\r\n".join(lines) + "\r\n"))

    check()
