"""A session's state as bytes: the model's snapshot, and the prompts of the session with it."""

from __future__ import annotations

from dataclasses import replace

from lightcone.model.interface import Model, Snapshot, SnapshotError
from lightcone.model.runtime.snapshot import pack, unpack
from lightcone.server.worker.sessions.history import Moment

PROMPT = "session.prompt"  # in the snapshot's meta, beside what the family keeps there


def pack_moment(model: Model, moment: Moment) -> bytes:
    snapshot = model.snapshot(moment.state)
    return pack(replace(snapshot, meta={**snapshot.meta, PROMPT: moment.prompt}))


def unpack_session(data: bytes) -> tuple[Snapshot, str]:
    """The model's snapshot, and all prompts before it as one. Raises SnapshotError."""
    snapshot = unpack(data)
    meta = dict(snapshot.meta)
    prompt = meta.pop(PROMPT, "")
    if not isinstance(prompt, str):
        raise SnapshotError("the snapshot's prompt is no text")
    return replace(snapshot, meta=meta), prompt
