"""The control websocket of a session (docs/protocol.md, "Control"): a seat, and what it asks.

A connection that is lost is made again with the token of the seat. What was asked and not yet
answered then fails with `Closed`, as nobody knows whether it arrived; what is held is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from lightcone.client.answers import A, Answers
from lightcone.client.errors import (
    ClientError,
    Closed,
    InvalidInput,
    Late,
    Problem,
    Unreachable,
    json_problem,
    problem_of,
)
from lightcone.client.messages import (
    VERSION,
    Error,
    FromClient,
    FromServer,
    Hello,
    How,
    Input,
    LiveWorld,
    Ping,
    Pong,
    Prompt,
    PromptReceipt,
    Receipt,
    Rewind,
    RewindReceipt,
    Role,
    Stall,
    Status,
    Welcome,
    Wheel,
    decode,
    encode,
)
from lightcone.client.news import News

PATIENCE_S = 30.0  # for an answer
RESUME_S = 20.0  # for a lost connection to come back
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # between two tries
KEPT_STALLS = 256


class Control:
    """One seat. `resumed` counts lost connections that came back, `stalls` are the newest late
    chunks. Made by `open_control`."""

    def __init__(
        self, url: str, want: Role, headers: Mapping[str, str], resume_s: float = RESUME_S
    ) -> None:
        self.resumed = 0
        self.stalls: deque[Stall] = deque(maxlen=KEPT_STALLS)
        self.on_message: Callable[[FromServer], None] = lambda message: None
        self._url = url
        self._want: Role = want
        self._headers = dict(headers)
        self._resume_s = resume_s
        self._news = News()
        self._socket: ClientConnection | None = None  # None while there is no connection
        self._welcome: Welcome | None = None
        self._status: Status | None = None
        self._over: ClientError | None = None
        self._held: tuple[tuple[str, ...], dict[str, float]] = ((), {})
        self._answers = Answers()
        self._running: asyncio.Task[None] | None = None

    @property
    def world(self) -> LiveWorld:
        """The session's world, as the welcome describes it."""
        assert self._welcome is not None
        return self._welcome.session

    @property
    def seat(self) -> str:
        assert self._welcome is not None
        return self._welcome.seat

    @property
    def token(self) -> str:
        """With which another connection may take this seat."""
        assert self._welcome is not None
        return self._welcome.resume

    @property
    def status(self) -> Status:
        """The newest."""
        assert self._status is not None
        return self._status

    @property
    def role(self) -> Role:
        return self.status.role

    async def input(
        self, buttons: Sequence[str] = (), axes: Mapping[str, float] | None = None
    ) -> Receipt:
        """Hold exactly these buttons, and move exactly these axes, from now on; returns with the
        receipt. Raises InvalidInput, Refused, Closed and Late."""
        return await self.receipt(await self.send_input(buttons, axes))

    async def send_input(
        self, buttons: Sequence[str] = (), axes: Mapping[str, float] | None = None
    ) -> int:
        """As `input`, without waiting for the receipt; returns what `receipt` takes. Raises
        InvalidInput and Closed."""
        self._held = (tuple(buttons), dict(axes or {}))
        self._check(*self._held)
        return await self._send_held()

    async def receipt(self, seq: int) -> Receipt:
        """That of an input that was sent. Each can be asked for once. Raises Refused, Closed and
        Late."""
        return await self._answered(seq, Receipt)

    async def prompt(self, text: str, how: How = "cut", chunks: int = 12) -> PromptReceipt:
        """The world in new words, with "blend" over `chunks` chunks (1 to 96). Raises Refused,
        Closed and Late."""
        await self._ready()
        seq = self._answers.expect()
        await self._send(Prompt(seq, _now_ms(), text, how, chunks))
        return await self._answered(seq, PromptReceipt)

    async def rewind(
        self, action: Literal["start", "stop", "to"], world_frame: int = 0
    ) -> RewindReceipt:
        """Run backwards from "start" until "stop", or go "to" the newest snapshot at or before
        `world_frame`. Raises Refused, Closed and Late."""
        await self._ready()
        seq = self._answers.expect()
        await self._send(Rewind(seq, _now_ms(), action, world_frame))
        return await self._answered(seq, RewindReceipt)

    async def wheel(self, action: Literal["ask", "give", "leave"], seat: str | None = None) -> None:
        """Ask for the wheel, give it to a seat (or to the first who asked), or let go of it."""
        await self._send(Wheel(action, seat))

    async def ping(self) -> Pong:
        """Its `t` is when it was sent, in milliseconds of the monotonic clock."""
        t = _now_ms()
        future = self._answers.expect_pong(t)
        try:
            await self._send(Ping(t))
            return await self._in_time(future, "pong")
        finally:
            self._answers.forget_pong(t)

    async def until(
        self, true: Callable[[Status], bool], what: str, patience_s: float = PATIENCE_S
    ) -> Status:
        """The first status, the newest included, of which it is true. Raises Closed and Late."""

        def done() -> bool:
            if self._over is not None:
                raise self._over
            return self._status is not None and true(self._status)

        await self._news.until(done, what, patience_s)
        return self.status

    async def close(self) -> None:
        """Leave the seat."""
        self._end(Closed(1000, "this client left"))
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        if self._socket is not None:
            await self._socket.close()

    async def _open(self, resume: str | None) -> None:
        """Until the welcome and the first status. Raises Unreachable, Problem and Closed."""
        self._welcome, self._status = None, None
        self._socket = await _connect(self._url, self._headers)
        await self._send(Hello(VERSION, self._want, resume))
        self._running = asyncio.create_task(self._run(self._socket))
        await self.until(lambda status: self._welcome is not None, "the welcome")

    async def _run(self, socket: ClientConnection) -> None:
        """Reads until the end, through all connections."""
        while True:
            lost = await self._read(socket)
            self._socket = None
            self._answers.fail_all(lost)
            if not lost.may_resume or self._welcome is None:
                self._end(lost)
                return
            try:
                socket = await self._again(self._welcome.resume)
            except ClientError as error:
                self._end(error)
                return

    async def _read(self, socket: ClientConnection) -> Closed:
        with contextlib.suppress(ConnectionClosed):
            async for data in socket:
                if isinstance(data, bytes) and (message := decode(data)) is not None:
                    self._take(message)
                    self._news.notify()
        code = socket.close_code or 1006
        return Closed(code, socket.close_reason or "")

    async def _again(self, token: str) -> ClientConnection:
        """A new connection to the same seat. Raises what the last try raised."""
        pause = FIRST_PAUSE_S
        give_up = asyncio.get_running_loop().time() + self._resume_s
        while True:
            try:
                socket = await _connect(self._url, self._headers)
                await socket.send(encode(Hello(VERSION, self._want, token)))
                break
            except (Unreachable, Problem, ConnectionClosed) as error:
                if isinstance(error, Problem) and not error.may_pass:
                    raise
                if asyncio.get_running_loop().time() > give_up:
                    raise Unreachable(f"the connection did not come back: {error}") from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        self.resumed += 1
        self._socket = socket
        if self._held != ((), {}):  # the server let go of it when the connection dropped
            await self._send_held()
        self._news.notify()
        return socket

    def _take(self, message: FromServer) -> None:
        match message:
            case Welcome():
                self._welcome = message
            case Status():
                self._status = message
            case Stall():
                self.stalls.append(message)
            case Error():
                self._answers.refuse(message)
            case _:
                self._answers.take(message)
        self.on_message(message)

    def _end(self, error: ClientError) -> None:
        if self._over is None:
            self._over = error
        self._answers.fail_all(error)
        self._news.notify()

    async def _send_held(self) -> int:
        await self._ready()
        seq = self._answers.expect_input()
        buttons, axes = self._held
        await self._send(Input(seq, _now_ms(), list(buttons), axes))
        return seq

    async def _send(self, message: FromClient) -> None:
        socket = await self._ready()
        with contextlib.suppress(ConnectionClosed):  # `_run` notices, and fails what waits
            await socket.send(encode(message))

    async def _ready(self) -> ClientConnection:
        """The connection, once it is there. A message takes its number after this: a connection
        that comes back takes one first, for what is held."""
        await self._news.until(self._connected, "the connection to come back", self._resume_s)
        assert self._socket is not None
        return self._socket

    def _connected(self) -> bool:
        if self._over is not None:
            raise self._over
        return self._socket is not None

    async def _answered(self, seq: int, kind: type[A]) -> A:
        future = self._answers.receipt(seq)
        try:
            answer = await self._in_time(future, "receipt")
        finally:
            self._answers.forget(seq)
        assert isinstance(answer, kind)
        return answer

    async def _in_time(self, future: asyncio.Future[A], what: str) -> A:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await future
        except TimeoutError as error:
            phase = self.status.phase
            raise Late(f"no {what} in {PATIENCE_S:g} s: the session is {phase}") from error

    def _check(self, buttons: Sequence[str], axes: Mapping[str, float]) -> None:
        known = [control.name for control in self.world.controls]
        for name in buttons:
            if name not in known:
                raise InvalidInput(f"no button '{name}' (known: {', '.join(known) or 'none'})")
        movable = {axis.name: axis for axis in self.world.axes}
        for name, strength in axes.items():
            if name not in movable:
                raise InvalidInput(f"no axis '{name}' (known: {', '.join(movable) or 'none'})")
            axis = movable[name]
            if not axis.low <= strength <= axis.high:
                span = f"from {axis.low:g} to {axis.high:g}"
                raise InvalidInput(f"axis '{name}' takes strengths {span}, not {strength:g}")


async def open_control(
    url: str,
    want: Role = "driver",
    headers: Mapping[str, str] | None = None,
    resume: str | None = None,
    resume_s: float = RESUME_S,
) -> Control:
    """A seat at the websocket `url`, with `resume` the one of which this is the token. A lost
    connection has `resume_s` seconds to come back. Raises Unreachable, Problem and Closed."""
    control = Control(url, want, headers or {}, resume_s)
    try:
        await control._open(resume)
    except BaseException:
        await control.close()
        raise
    return control


async def _connect(url: str, headers: Mapping[str, str]) -> ClientConnection:
    try:
        return await connect(url, additional_headers=headers, compression=None)
    except InvalidStatus as error:
        answer = error.response
        body = json_problem(bytes(answer.body or b""))
        retry_after = answer.headers.get("Retry-After")
        raise problem_of(answer.status_code, body, retry_after) from error
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Unreachable(f"no control websocket at {url}: {error}") from error


def _now_ms() -> float:
    return 1000 * time.monotonic()
