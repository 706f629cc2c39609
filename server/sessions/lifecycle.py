"""The phases of a world and the legal edges between them. No effects: the caller acts on what
changed.

A world is `starting` until its first chunk is shown. From then on it is `running` while
somebody watches and `paused` while nobody does; whether somebody watches is counted from WHEP
sessions, never signalled.
"""

from __future__ import annotations

from enum import Enum

from lightcone.server.control.protocol import WorldPhase


class Event(Enum):
    FIRST_CHUNK = "first chunk"
    WATCHED = "watched"
    UNWATCHED = "unwatched"
    END = "end"
    FAIL = "fail"


EDGES: dict[tuple[WorldPhase, Event], WorldPhase] = {
    ("starting", Event.FIRST_CHUNK): "running",
    ("starting", Event.END): "ended",
    ("starting", Event.FAIL): "failed",
    ("running", Event.UNWATCHED): "paused",
    ("running", Event.END): "ended",
    ("running", Event.FAIL): "failed",
    ("paused", Event.WATCHED): "running",
    ("paused", Event.END): "ended",
    ("paused", Event.FAIL): "failed",
    ("failed", Event.END): "ended",
}


class IllegalTransition(Exception):
    """An event that the phase does not know; the phase has not changed."""

    def __init__(self, phase: WorldPhase, event: Event) -> None:
        super().__init__(f"a world that is {phase} can not take '{event.value}'")
        self.phase = phase
        self.event = event


class Lifecycle:
    def __init__(self) -> None:
        self.phase: WorldPhase = "starting"

    @property
    def live(self) -> bool:
        """Neither ended nor failed."""
        return self.phase in ("starting", "running", "paused")

    def allows(self, event: Event) -> bool:
        return (self.phase, event) in EDGES

    def fire(self, event: Event) -> WorldPhase:
        """The phase after `event`. Raises IllegalTransition."""
        if not self.allows(event):
            raise IllegalTransition(self.phase, event)
        self.phase = EDGES[self.phase, event]
        return self.phase
