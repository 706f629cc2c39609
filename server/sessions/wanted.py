"""What somebody asks for, and how a worker is asked to open it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lightcone.model.interface import Image, WorldInfo
from lightcone.server.access.access import NOBODY, Payer
from lightcone.server.sessions.snapshot_store import StoredSnapshot
from lightcone.server.worker import messages as wire
from lightcone.server.worker.host import WorkerHost

Opener = Callable[[str, wire.Sending], Awaitable[wire.Opened]]
"""Opens a session of this id in a worker."""


@dataclass(frozen=True)
class Wanted:
    """What `owner` asked for: a world that is served, `seed` None for any, `image` of the world's
    size. With a snapshot the session goes on from it, under `prompt` if there is one; one that is
    stored stays there until there is room."""

    info: WorldInfo
    seed: int | None = None
    prompt: str = ""
    image: Image | None = None
    snapshot: bytes | StoredSnapshot | None = None
    owner: Payer = NOBODY


def opener_of(host: WorkerHost, wanted: Wanted) -> Opener:
    """Of a session from a snapshot, or from seed, prompt and image."""

    async def open(new: str, sending: wire.Sending) -> wire.Opened:
        if isinstance(wanted.snapshot, bytes):
            return await host.restore(new, wanted.snapshot, sending)
        assert wanted.seed is not None
        return await host.open(
            new, wanted.info.name, wanted.seed, wanted.prompt, wanted.image, sending
        )

    return open
