"""What one seat has asked and is not answered yet."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from lightcone.client.errors import ClientError, Refused
from lightcone.client.messages import Error, Pong, PromptReceipt, Receipt, RewindReceipt

OF_INPUTS = frozenset(
    ("invalid", "malformed", "not_driver", "stale_sequence", "unknown_axis", "unknown_button")
)  # errors without a number that answer an input
MOST_UNASKED = 512  # receipts of inputs that are kept until somebody asks for them

Answer = Receipt | PromptReceipt | RewindReceipt
A = TypeVar("A", bound=Answer | Pong)


class Answers:
    """Futures of receipts by sequence number, and of pongs by the time of the ping."""

    def __init__(self) -> None:
        self._seq = 0
        self._receipts: dict[int, asyncio.Future[Answer]] = {}
        self._inputs: set[int] = set()  # of these, those that are inputs
        self._pongs: dict[float, asyncio.Future[Pong]] = {}

    def expect(self) -> int:
        """The number of the next message that is answered by a receipt."""
        self._seq += 1
        self._receipts[self._seq] = asyncio.get_running_loop().create_future()
        return self._seq

    def expect_input(self) -> int:
        """As `expect`, of an input. The oldest receipts that nobody has asked for are forgotten."""
        seq = self.expect()
        self._inputs.add(seq)
        while len(self._inputs) > MOST_UNASKED:
            self.forget(min(self._inputs))
        return seq

    def receipt(self, seq: int) -> asyncio.Future[Answer]:
        """Raises ClientError."""
        future = self._receipts.get(seq)
        if future is None:
            raise ClientError(f"nothing was sent with the number {seq}, or it was asked for")
        return future

    def forget(self, seq: int) -> None:
        self._receipts.pop(seq, None)
        self._inputs.discard(seq)

    def expect_pong(self, t: float) -> asyncio.Future[Pong]:
        future = self._pongs[t] = asyncio.get_running_loop().create_future()
        return future

    def forget_pong(self, t: float) -> None:
        del self._pongs[t]

    def take(self, message: Answer | Pong) -> None:
        if isinstance(message, Pong):
            _resolve(self._pongs.get(message.t), message)
        else:
            _resolve(self._receipts.get(message.seq), message)

    def refuse(self, message: Error) -> None:
        """An input's error does not name it: all that wait may be meant."""
        if message.seq is None and message.code not in OF_INPUTS:
            return
        refused = Refused(message.code, message.message, message.words, message.known)
        for seq in self._inputs if message.seq is None else {message.seq}:
            _reject(self._receipts.get(seq), refused)

    def fail_all(self, error: ClientError) -> None:
        for receipt in self._receipts.values():
            _reject(receipt, error)
        for pong in self._pongs.values():
            _reject(pong, error)


def _resolve(future: asyncio.Future[A] | None, message: A) -> None:
    if future is not None and not future.done():
        future.set_result(message)


def _reject(future: asyncio.Future[A] | None, error: ClientError) -> None:
    if future is not None and not future.done():
        future.set_exception(error)
        future.exception()  # nobody may ask for the receipt of an input
