"""People at a server: they come, play, make mistakes, and leave."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from lightcone.bench.soak.moves import Move, bad_message, bad_request
from lightcone.client import Client, ClientError, LiveSession

ANSWER_S = 5.0  # for a bad message's refusal


class Person:
    """Plays one session of its own; what is done, and what was refused, goes into the counters."""

    def __init__(
        self,
        client: Client,
        http: httpx.AsyncClient,
        moves: Iterator[Move],
        done: Counter[str],
        refused: Counter[str],
    ) -> None:
        self._client = client
        self._http = http
        self._moves = moves
        self._done = done
        self._refused = refused

    async def play(self, world: str, seed: int, seconds: float) -> None:
        """A session, from its start to its end. Raises ClientError where there is none."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        async with await self._client.start(world, seed=seed) as session:
            self._done["session"] += 1
            while loop.time() < end:
                move = next(self._moves)
                self._done[move.kind] += 1
                try:
                    await self._do(move, session)
                except ClientError as error:
                    self._refused[type(error).__name__] += 1

    async def _do(self, move: Move, session: LiveSession) -> None:
        match move.kind:
            case "drive":
                names = [control.name for control in session.world.controls]
                receipt = await session.input([names[move.pick % len(names)]] if names else [])
                await session.frame(at=receipt.media_time)
            case "prompt":
                words = session.world.words
                await session.prompt(words[move.pick % len(words)] if words else "")
            case "rewind":
                await session.rewind(seconds=move.seconds)
            case "fork":
                entry = await session.fork()
                async with await self._client.join(entry) as fork:
                    await fork.frame()
                await self._client.end(entry.id)
            case "watch":
                async with await self._client.join(session.id, want="spectator") as other:
                    await other.frame()
                    await asyncio.sleep(move.seconds)
            case "save":
                await self._client.forget((await session.save()).id)
            case "bad control":
                await self._bad_control(session, move.pick)
            case "bad request":
                await self._bad_request(session, move.pick)

    async def _bad_control(self, session: LiveSession, pick: int) -> None:
        url = "ws" + self._client.url.removeprefix("http") + session.entry.control
        async with connect(url) as socket:
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                await socket.send(bad_message(pick))
                async with asyncio.timeout(ANSWER_S):
                    await socket.recv()

    async def _bad_request(self, session: LiveSession, pick: int) -> None:
        bad = bad_request(pick, session.id)
        headers = {"content-type": bad.content_type}
        answer = await self._http.request(bad.method, bad.path, content=bad.body, headers=headers)
        self._refused[str(answer.status_code)] += 1
