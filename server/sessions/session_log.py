"""The action log of a session while it runs: in a temporary file, and in the files of those who
follow it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from typing import BinaryIO, cast

import numpy as np

from lightcone.model.interface import Image, WorldInfo
from lightcone.server.errors import LightconeError
from lightcone.server.sessions.action_log import (
    LogStart,
    LogWriter,
    Shape,
    control_names,
    encode_png,
)
from lightcone.server.telemetry.logs import get_logger
from lightcone.server.worker import messages as wire

log = get_logger("lightcone.log")


class LogUnavailable(LightconeError):
    """The log could not be written, or is not there any more."""

    outward = "the log can not be written or read now"


class SessionLog:
    """Of one session. Where the disk fails, the log ends and the session goes on."""

    def __init__(self, start: LogStart) -> None:
        self._spool = _Spool()
        self._writer = LogWriter(cast(BinaryIO, self._spool), start)
        self._ended = False

    def made(self, made: wire.Made) -> None:
        actions = np.frombuffer(made.actions, np.float32).reshape(made.frames, -1)
        shape = Shape(made.batch, made.row, made.threads, made.steps)
        self._write(lambda: self._writer.chunk(made.world_frame, actions, shape, made.digest))

    def prompted(self, given: wire.Prompted) -> None:
        self._write(
            lambda: self._writer.prompt(given.world_frame, given.text, given.how, given.chunks)
        )

    def went_back(self, world_frame: int, snapshot: bytes | None, crash: bool = False) -> None:
        """`snapshot` is that of the state at this frame, where there is one. `crash`: because the
        worker was lost."""
        write = self._writer.restored if crash else self._writer.rewind
        if world_frame >= self._writer.first_frame:
            self._write(lambda: write(world_frame))
        elif snapshot is not None:
            self._write(lambda: write(world_frame, snapshot))
        else:
            log.warning("an action log ends: it can not go back", world_frame=world_frame)
            self.end()

    def forked(self, world_frame: int, session: str) -> None:
        self._write(lambda: self._writer.fork(world_frame, session))

    def end(self) -> None:
        """Does nothing more the second time."""
        if not self._ended:
            self._writer.end()
            self._ended = True

    def whole(self) -> bytes:
        """All so far, with a last line as if it ended now. Raises LogUnavailable."""
        data = self._spool.read_all()
        return data if self._ended else data + self._writer.last_line()

    def follow(self, file: BinaryIO) -> None:
        """All so far, and what comes, is written there too. Raises LogUnavailable and OSError."""
        file.write(self._spool.read_all())
        self._spool.followers.append(file)

    def unfollow(self, file: BinaryIO) -> None:
        """The log in this file ends here. Raises OSError."""
        if file in self._spool.followers:
            self._spool.followers.remove(file)
            if not self._ended:
                file.write(self._writer.last_line())

    def close(self) -> None:
        """It can not be read any more."""
        self._spool.close()

    def _write(self, write: Callable[[], None]) -> None:
        if not self._ended:
            write()


class _Spool(io.RawIOBase):
    """Keeps what is written in a temporary file, and hands it to followers. Never raises: a file
    that fails gets no more."""

    def __init__(self) -> None:
        self.followers: list[BinaryIO] = []
        self._error = ""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        for follower in list(self.followers):
            try:
                follower.write(data)
            except (OSError, ValueError) as error:
                self.followers.remove(follower)
                log.warning("a recorded action log ends", reason=str(error))
        if not self._error:
            try:
                self._file.write(data)
            except (OSError, ValueError) as error:
                self._error = f"the log could not be written: {error}"
                log.warning("an action log ends", reason=self._error)
        return len(data)

    def read_all(self) -> bytes:
        """Raises LogUnavailable."""
        if self._error:
            raise LogUnavailable(self._error)
        try:
            self._file.seek(0)
            return self._file.read()
        except (OSError, ValueError) as error:
            raise LogUnavailable(f"the log can not be read: {error}") from error

    def close(self) -> None:
        self._file.close()
        super().close()


def log_start(
    info: WorldInfo,
    seed: int | None,
    prompt: str,
    image: Image | None,
    fingerprint: str,
    steps: int | None,
    threads: int,
    snapshot: wire.Opened | None,
) -> LogStart:
    """`snapshot`: the session began with this one, and not from seed, prompt and image."""
    return LogStart(
        world=info.name,
        seed=seed,
        fingerprint=fingerprint,
        fps=info.fps,
        controls=control_names(info),
        prompt="" if snapshot else prompt,
        image=encode_png(image) if image is not None and snapshot is None else None,
        snapshot=snapshot.snapshot if snapshot else None,
        frame=snapshot.world_frame if snapshot else 0,
        steps=steps,
        threads=threads,
    )
