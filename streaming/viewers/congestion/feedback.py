"""What a viewer reports of the picture that it is sent, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reception:
    """A receiver report (RFC 3550 section 6.4.1): the highest sequence number that has come,
    of which the low 16 bits count, and how many packets were lost in all. Packets that came
    twice count against those lost."""

    highest: int
    lost: int


@dataclass(frozen=True)
class Limit:
    """The receiver's estimate of what its line carries, in bit/s of RTP payload
    (draft-alvestrand-rmcat-remb-03)."""

    bits: int


Report = Reception | Limit
