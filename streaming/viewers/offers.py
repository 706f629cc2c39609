"""Offers of viewers as they are read: what may be in one, and how much."""

from __future__ import annotations

from aiortc.sdp import SessionDescription

from lightcone.streaming.errors import BadOffer, OfferTooLarge

# Each is some times what browsers offer. Reading takes time by lines times codecs.
MAX_BYTES = 32 * 1024
MAX_LINES = 1_000
MAX_CODECS = 256
MAX_SECTIONS = 2
MAX_CANDIDATES = 64


def parse_offer(sdp: str) -> SessionDescription:
    """The offer, if it asks to receive one video, one sound track, or both over one transport
    (RFC 8866, RFC 9143).

    Raises BadOffer, and OfferTooLarge before anything is read.
    """
    _check_size(sdp)
    try:
        offer = SessionDescription.parse(sdp)
    except Exception as error:  # the parser raises whatever its first misreading leads to
        raise BadOffer("the body is not an SDP offer") from error
    _check_media(offer)
    _check_transport(offer)
    return offer


def _check_size(sdp: str) -> None:
    lines = sdp.splitlines()
    for found, most, what in (
        (len(sdp.encode(errors="replace")), MAX_BYTES, "bytes"),
        (len(lines), MAX_LINES, "lines"),
        (_count(lines, "m="), MAX_SECTIONS, "media sections"),
        (_count(lines, "a=rtpmap:"), MAX_CODECS, "codecs"),
        (_count(lines, "a=candidate:"), MAX_CANDIDATES, "candidates"),
    ):
        if found > most:
            raise OfferTooLarge(f"the offer has {found} {what} (at most {most})")


def _count(lines: list[str], start: str) -> int:
    return sum(line.startswith(start) for line in lines)


def _check_media(offer: SessionDescription) -> None:
    kinds = [media.kind for media in offer.media]
    if not kinds:
        raise BadOffer("the offer has no media section")
    if len(set(kinds)) < len(kinds) or not set(kinds) <= {"audio", "video"}:
        raise BadOffer("the offer must hold one video and one audio at most, and nothing else")
    if any(media.direction not in ("recvonly", "sendrecv") for media in offer.media):
        raise BadOffer("the offer must ask to receive (a=recvonly)")


def _check_transport(offer: SessionDescription) -> None:
    if any(media.dtls is None or not media.dtls.fingerprints for media in offer.media):
        raise BadOffer("the offer has no DTLS fingerprint and setup")
    ice = [media.ice for media in offer.media]
    if any(each is None or not each.usernameFragment or not each.password for each in ice):
        raise BadOffer("the offer has no ICE user name and password")
    if any(not media.rtcp_mux for media in offer.media):
        raise BadOffer("the offer must send RTCP with RTP (a=rtcp-mux)")
    mids = {media.rtp.muxId for media in offer.media}
    bundles = [set(group.items) for group in offer.group if group.semantic == "BUNDLE"]
    unbundled = bundles[:1] != [mids] if bundles else len(offer.media) > 1
    if len(mids) < len(offer.media) or unbundled:
        raise BadOffer("the offer must name and bundle its media sections (a=mid, a=group:BUNDLE)")
