"""Strangers' pictures, decoded in processes of their own: what a hostile one can exhaust, hang or
crash is such a process, and the server only reads the pixels that come back."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass

import numpy as np

from lightcone.model.interface import Image
from lightcone.server.pictures.errors import BadImage, DecoderUnavailable
from lightcone.server.pictures.framing import ANSWER, DONE, ORDER
from lightcone.server.pictures.still import MAX_PIXELS, check_kind

_MODULE = "lightcone.server.pictures.process"
_KEPT = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
)  # no key of the server is among them

END_TIMEOUT_S = 5.0
MOST_REASON = 1000  # bytes
BROKEN = "the picture can not be read: it is broken"
TOO_LONG = "the picture can not be read: it takes too long"


@dataclass(frozen=True)
class DecoderLimits:
    """Of one picture: address space of its process in bytes, seconds of the CPU, seconds in all,
    and pixels. `processes`: pictures that are decoded at once."""

    memory: int = 1024**3
    cpu_s: int = 10
    wall_s: float = 30.0
    pixels: int = MAX_PIXELS
    processes: int = 2


class Decoder:
    """Lives on the running event loop. A process is started when it is first needed, kept for the
    next picture, and replaced after one that it did not survive."""

    def __init__(self, limits: DecoderLimits | None = None) -> None:
        self._limits = limits or DecoderLimits()
        self._places = asyncio.Semaphore(self._limits.processes)
        self._free: list[Process] = []
        self._busy: set[Process] = set()

    @property
    def waiting(self) -> tuple[int, ...]:
        """Ids of the processes that wait for a picture."""
        return tuple(process.pid for process in self._free)

    @property
    def busy(self) -> tuple[int, ...]:
        """Ids of the processes that have one."""
        return tuple(process.pid for process in self._busy)

    async def decode(self, data: bytes, width: int, height: int) -> Image:
        """The middle of a PNG or JPEG, upright, as (height, width, 3) RGB. Raises BadImage and
        DecoderUnavailable."""
        check_kind(data)
        async with self._places:
            process = self._take() or await self._start()
            self._busy.add(process)
            try:
                verdict, answer = await self._ask(process, data, width, height)
            except BaseException:
                await _kill(process)
                raise
            finally:
                self._busy.discard(process)
            self._free.append(process)
        if verdict != DONE:
            raise BadImage(answer.decode(errors="replace"))
        if len(answer) != width * height * 3:
            raise BadImage(BROKEN)
        return np.frombuffer(answer, np.uint8).reshape(height, width, 3).copy()

    async def close(self) -> None:
        """End the processes that wait."""
        while self._free:
            await _kill(self._free.pop())

    def _take(self) -> Process | None:
        """One that waits, unless it has ended meanwhile."""
        while self._free:
            process = self._free.pop()
            assert process.stdin is not None
            if process.returncode is None and not process.stdin.is_closing():
                return process
        return None

    async def _ask(
        self, process: Process, data: bytes, width: int, height: int
    ) -> tuple[int, bytes]:
        """Raises BadImage where the process does not survive it."""
        order = ORDER.pack(width, height, len(data)) + data
        most = max(3 * width * height, MOST_REASON)
        try:
            async with asyncio.timeout(self._limits.wall_s):
                return await _exchange(process, order, most)
        except TimeoutError as error:
            raise BadImage(TOO_LONG) from error
        except (EOFError, OSError, RuntimeError) as error:  # the last by uvloop: the pipe is closed
            await _end(process)
            reason = TOO_LONG if process.returncode == -signal.SIGXCPU else BROKEN
            raise BadImage(reason) from error

    async def _start(self) -> Process:
        limits = self._limits
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                _MODULE,
                *(str(limit) for limit in (limits.memory, limits.cpu_s, limits.pixels)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,  # a picture has no say in the log
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                start_new_session=True,  # Ctrl-C in the terminal is for the server alone
            )
        except OSError as error:
            raise DecoderUnavailable("no process can be started to read the picture in") from error


def from_base64(text: str) -> bytes:
    """Of a data URL, or of plain base64. Raises BadImage."""
    head, comma, rest = text.partition(",")
    if comma and not (head.startswith("data:image/") and head.endswith(";base64")):
        raise BadImage("not a data URL of a picture in base64")
    try:
        return base64.b64decode(rest if comma else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadImage("not base64") from error


async def _exchange(process: Process, order: bytes, most: int) -> tuple[int, bytes]:
    """Raises OSError or EOFError where the process ends before its answer."""
    orders, answers = process.stdin, process.stdout
    assert orders is not None
    assert answers is not None
    orders.write(order)
    await orders.drain()
    verdict, length = ANSWER.unpack(await answers.readexactly(ANSWER.size))
    if length > most:
        raise EOFError("an answer that no picture has")
    return verdict, await answers.readexactly(length)


async def _end(process: Process) -> None:
    """Of one that has closed its end: by itself, so that its reason is known, or by a kill."""
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        await _kill(process)


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
