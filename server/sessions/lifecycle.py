"""The phases of a session and the legal edges between them. No effects: the caller acts on what
changed.

A session is `starting` until its first chunk is made. From then on it is `running` while somebody
watches and `paused` while nobody does; whether somebody watches is counted from WHEP connections,
never signalled. While its worker is replaced it is `restoring`.
"""

from __future__ import annotations

from enum import Enum

from lightcone.server.control.protocol import Phase


class Event(Enum):
    FIRST_CHUNK = "first chunk"
    WATCHED = "watched"
    UNWATCHED = "unwatched"
    LOST = "lost its worker"
    RESTORED = "restored"  # and watched
    RESTORED_UNWATCHED = "restored, unwatched"
    RESTORED_UNSTARTED = "restored, not yet begun"
    END = "end"
    FAIL = "fail"


EDGES: dict[tuple[Phase, Event], Phase] = {
    ("starting", Event.FIRST_CHUNK): "running",
    ("starting", Event.LOST): "restoring",
    ("starting", Event.END): "ended",
    ("starting", Event.FAIL): "failed",
    ("running", Event.UNWATCHED): "paused",
    ("running", Event.LOST): "restoring",
    ("running", Event.END): "ended",
    ("running", Event.FAIL): "failed",
    ("paused", Event.WATCHED): "running",
    ("paused", Event.LOST): "restoring",
    ("paused", Event.END): "ended",
    ("paused", Event.FAIL): "failed",
    ("restoring", Event.RESTORED): "running",
    ("restoring", Event.RESTORED_UNWATCHED): "paused",
    ("restoring", Event.RESTORED_UNSTARTED): "starting",
    ("restoring", Event.END): "ended",
    ("restoring", Event.FAIL): "failed",
}


class IllegalTransition(Exception):
    """An event that the phase does not know; the phase has not changed."""

    def __init__(self, phase: Phase, event: Event) -> None:
        super().__init__(f"a session that is {phase} can not take '{event.value}'")
        self.phase = phase
        self.event = event


class Lifecycle:
    def __init__(self) -> None:
        self.phase: Phase = "starting"

    @property
    def live(self) -> bool:
        """Neither ended nor failed."""
        return self.phase not in ("ended", "failed")

    def allows(self, event: Event) -> bool:
        return (self.phase, event) in EDGES

    def fire(self, event: Event) -> Phase:
        """The phase after `event`. Raises IllegalTransition."""
        if not self.allows(event):
            raise IllegalTransition(self.phase, event)
        self.phase = EDGES[self.phase, event]
        return self.phase
