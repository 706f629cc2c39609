"""The control websocket as a client sees it (docs/protocol.md): msgpack maps with a `type`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from lightcone.bench.clients.progress import Progress, TooLate
from lightcone.bench.errors import BenchError

VERSION = 3
RECEIPT_S = 5.0  # a press without a receipt for so long is lost


@dataclass(frozen=True)
class Receipt:
    """Input `seq`, sent at `pressed` (seconds of the monotonic clock), is in the picture and the
    sound from `media_time`, the time of world frame `frame`, on."""

    seq: int
    pressed: float
    frame: int
    media_time: float


class ControlClient:
    """Keeps what the server says: `receipts` by sequence number, `statuses` in order, at least
    one from the welcome on."""

    def __init__(self, socket: ClientConnection) -> None:
        self.welcome: dict[str, Any] = {}
        self.statuses: list[dict[str, Any]] = []
        self.stalls: list[dict[str, Any]] = []
        self.receipts: dict[int, Receipt] = {}
        self.progress = Progress()
        self._socket = socket
        self._seq = 0
        self._over: str | None = None

    @property
    def session(self) -> dict[str, Any]:
        """The session as the welcome describes it: `world`, `fps`, `chunk_frames` and so on."""
        session: dict[str, Any] = self.welcome["session"]
        return session

    @property
    def controls(self) -> list[dict[str, Any]]:
        controls: list[dict[str, Any]] = self.session["controls"]
        return controls

    @property
    def status(self) -> dict[str, Any]:
        """The last one. Raises BenchError where the connection is lost, as it is out of date."""
        if self._over is not None:
            raise BenchError(f"no status from the server: {self._over}")
        return self.statuses[-1]

    async def hold(self, buttons: list[str]) -> int:
        """Hold exactly these from now on; returns the sequence number."""
        self._seq += 1
        t = 1000 * time.monotonic()
        await self._send({"type": "input", "seq": self._seq, "t": t, "buttons": buttons})
        return self._seq

    async def receipt(self, seq: int) -> Receipt | None:
        """None where it does not come in RECEIPT_S: the input is lost. Raises BenchError where the
        connection is."""
        with contextlib.suppress(TooLate):
            await self.progress.until(
                lambda: seq in self.receipts or self._over is not None,
                f"the receipt of input {seq}",
                RECEIPT_S,
            )
        if seq not in self.receipts and self._over is not None:
            raise BenchError(f"no receipt from the server: {self._over}")
        return self.receipts.get(seq)

    async def _hello(self, want: str) -> None:
        await self._send({"type": "hello", "version": VERSION, "want": want, "resume": None})
        greeted = "the server's welcome and first status"
        await self.progress.until(lambda: bool(self.welcome and self.statuses), greeted)
        if self.welcome["role"] != want:
            raise BenchError(f"asked to be {want}, became {self.welcome['role']}")

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await self._socket.send(msgpack.packb(message))
        except ConnectionClosed as error:
            raise BenchError(f"the server closed the control websocket: {error}") from error

    async def _read(self) -> None:
        try:
            async for data in self._socket:
                self._received(msgpack.unpackb(data))
                self.progress.notify()
            self._over = f"it closed the connection: {self._socket.close_reason}"
        except ConnectionClosed as error:
            self._over = str(error)
        self.progress.notify()

    def _received(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "welcome":
                self.welcome = message
            case "status":
                self.statuses.append(message)
            case "stall":
                self.stalls.append(message)
            case "receipt":
                seq, pressed = message["seq"], message["t"] / 1000
                self.receipts[seq] = Receipt(
                    seq, pressed, message["world_frame"], message["media_time"]
                )
            case "error":
                self._over = f"it refused an input: {message['message']}"


@contextlib.asynccontextmanager
async def control(url: str, want: str = "driver") -> AsyncIterator[ControlClient]:
    """Connected and welcomed in the role `want`. Raises BenchError."""
    try:
        socket = await connect(url)
    except (OSError, WebSocketException) as error:
        raise BenchError(f"no control websocket at {url}: {error}") from error
    async with socket:
        client = ControlClient(socket)
        reading = asyncio.create_task(client._read())
        try:
            await client._hello(want)
            yield client
        finally:
            reading.cancel()
            await asyncio.wait({reading})
