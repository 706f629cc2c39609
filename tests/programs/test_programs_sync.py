"""The client that waits: the same methods, and they work."""

from __future__ import annotations

import asyncio
import inspect
import threading
from itertools import islice
from typing import Any

import pytest
from serving import Served

from lightcone import client
from lightcone.client import Late, NotFound, session, sync
from lightcone.client.background import Background

ASYNC_ONLY = {"request", "control", "viewer", "headers"}


def public(kind: type[Any]) -> dict[str, Any]:
    return {
        name: getattr(kind, name)
        for name in dir(kind)
        if not name.startswith("_") and name not in ASYNC_ONLY
    }


@pytest.mark.parametrize(
    ("waits", "works"),
    [(sync.Client, client.Client), (sync.LiveSession, session.LiveSession)],
    ids=["client", "session"],
)
def test_the_same_methods_with_the_same_parameters(waits: type[Any], works: type[Any]) -> None:
    mine, theirs = public(waits), public(works)
    assert mine.keys() - {"url", "entry"} == theirs.keys() - {"url", "entry"}
    for name, method in theirs.items():
        if callable(method):
            expected = inspect.signature(method).parameters.values()
            found = inspect.signature(mine[name]).parameters.values()
            assert [*map(str, found)] == [*map(str, expected)], name


def test_a_session_without_an_event_loop(probes: Served) -> None:
    with sync.Client(probes.url) as server, server.start("probe", size=(64, 48)) as played:
        receipt = played.input(["right"])
        frame = played.frame(at=receipt.media_time)
        assert frame.picture.shape == (48, 64, 3)
        assert frame.media_time >= receipt.media_time - 0.001
        assert (played.stream_frame(frame) or receipt.stream_frame) >= receipt.stream_frame
        assert played.sound(receipt.media_time, 0.1).shape == (4800,)
        times = [frame.media_time for frame in islice(played.frames(), 5)]
        assert times == sorted(set(times))
        assert played.prompt("green").text == "green"
        assert played.status.phase == "running"
        seq = played.send_input()
        assert played.receipt(seq).seq == seq
        kept = played.save()
        assert server.upload(server.download(kept.id)).world == "probe"
        with pytest.raises(Late, match="the picture of media time 1000000"):
            played.frame(at=1e6, patience_s=0.1)
    with pytest.raises(NotFound), sync.Client(probes.url) as server:
        server.join("nobody")


def test_its_thread_ends_with_it(probes: Served) -> None:
    before = set(threading.enumerate())
    with sync.Client(probes.url) as server:
        assert server.worlds()
        begun = set(threading.enumerate()) - before
        assert begun
    assert not any(thread.is_alive() for thread in begun)


def test_closing_cancels_what_still_runs() -> None:
    async def begin() -> asyncio.Task[bool]:
        return asyncio.create_task(asyncio.Event().wait())

    background = Background()
    task = background.run(begin())
    background.close()
    background.close()
    assert task.cancelled()
