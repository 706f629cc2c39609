"""Recordings: the very packets that viewers get, as a video file, and the action log beside it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from lightcone.model.interface import WorldInfo
from lightcone.server.outward import outward
from lightcone.server.telemetry.logs import get_logger
from lightcone.streaming import (
    EncodedPacket,
    FragmentedRecorder,
    RecordingError,
)

VIDEO, LOG = ".mp4", ".jsonl"
_NAME = re.compile(r"[A-Za-z0-9_-]+\.(mp4|jsonl)")

log = get_logger("lightcone.recording")


class Recording:
    """Two files that grow. The video is written in a thread of its own; where that fails, it ends,
    the session goes on, and `on_failed` is called on the event loop with the reason."""

    def __init__(self, recorder: FragmentedRecorder, video: Path, log: BinaryIO) -> None:
        self.video = video.name
        self.log = log
        self.on_failed: Callable[[str], None] = lambda reason: None
        self._loop = asyncio.get_running_loop()
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recording")
        self._failed = False

    def write(self, packet: EncodedPacket) -> None:
        """Never blocks, never raises."""
        if not self._failed:
            self._thread.submit(self._recorder.write, packet).add_done_callback(self._check)

    @property
    def log_name(self) -> str:
        """Of the file with the action log."""
        return self.video.removesuffix(VIDEO) + LOG

    async def close(self) -> None:
        """Both files are whole after this."""
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._thread.shutdown(wait=True)
        try:
            self._recorder.close()
            self.log.close()
        except (OSError, RecordingError) as error:
            log.warning("a recording may not be whole", file=self.video, reason=str(error))

    def _check(self, written: Future[None]) -> None:
        error = written.exception()
        if isinstance(error, Exception) and not self._failed:
            self._failed = True
            log.error("a recording ends", file=self.video, reason=str(error))
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the session with it
                self._loop.call_soon_threadsafe(self._report, error)

    def _report(self, error: Exception) -> None:
        self.on_failed(outward(error))


class Recordings:
    """The folder that they are in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, info: WorldInfo) -> Recording:
        """Raises RecordingError."""
        when = time.strftime("%Y%m%d-%H%M%S")
        world = re.sub(r"[^A-Za-z0-9]+", "-", info.name)
        name = f"{world}-{when}-{secrets.token_urlsafe(9)}"
        video, log_path = self._folder / (name + VIDEO), self._folder / (name + LOG)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            log_file = log_path.open("xb", buffering=0)
        except OSError as error:
            text = f"nothing can be recorded in {self._folder}: {error.strerror or error}"
            raise RecordingError(text) from error
        try:
            recorder = FragmentedRecorder(video, info.fps, sound=info.sample_rate is not None)
        except RecordingError:
            log_file.close()
            raise
        return Recording(recorder, video, log_file)

    def find(self, name: str) -> Path | None:
        """The file of this name, None where there is none."""
        path = self._folder / name
        return path if _NAME.fullmatch(name) and path.is_file() else None
