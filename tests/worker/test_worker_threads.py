from __future__ import annotations

import asyncio
import threading

import pytest

from lightcone.server.worker.stepping.threads import Aside, Post, Thread


async def test_what_a_call_posts_comes_before_its_result() -> None:
    thread = Thread("test")
    seen: list[object] = []

    def call(post: Post) -> int:
        for i in range(3):
            post(lambda i=i: seen.append(i))  # type: ignore[misc]
        return 7

    done = await thread.call(call)
    assert (seen, done.result) == ([0, 1, 2], 7)
    assert done.seconds >= 0
    thread.close()


async def test_an_error_is_the_callers() -> None:
    thread = Thread("test")

    def call(post: Post) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await thread.call(call)
    assert (await thread.call(lambda post: 1)).result == 1
    thread.close()


async def test_nothing_comes_from_a_thread_that_was_left_behind() -> None:
    thread = Thread("test")
    going, go = threading.Event(), threading.Event()
    seen: list[int] = []

    def call(post: Post) -> None:
        going.set()
        go.wait()
        post(lambda: seen.append(1))

    future = thread.call(call)
    await asyncio.to_thread(going.wait)
    thread.close()
    go.set()
    other = Thread("other")
    await other.call(lambda post: None)
    await asyncio.sleep(0.05)
    assert not seen
    assert not future.done()
    other.close()


async def test_calls_aside_give_their_place_back_even_when_they_hang() -> None:
    threads: list[Thread] = []

    def new() -> Thread:
        threads.append(Thread("aside"))
        return threads[-1]

    aside = Aside(1, new)
    go = threading.Event()
    with pytest.raises(TimeoutError, match="it took longer than"):
        await aside.call(go.wait, 0.05)
    assert await aside.call(lambda: 3, 10.0) == 3
    assert await aside.call(lambda: 4, 10.0) == 4
    assert len(threads) == 2  # the second is used again
    go.set()
    for thread in threads:
        thread.close()
