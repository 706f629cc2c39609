"""Records what is played in the sessions of a worker, each session on its own, while somebody
drives it. Who drives next begins another recording."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lightcone.model.interface import WorldInfo
from lightcone.model.recordings.session import SessionRecorder


class Recorders:
    """Episodes go to `folder`, on this machine."""

    def __init__(self, folder: Path, consent: str) -> None:
        self._folder = folder
        self._consent = consent
        self._closers = ThreadPoolExecutor(thread_name_prefix="recorded")

    def begin(self, info: WorldInfo) -> SessionRecorder:
        # The name is never used again: a session that is restored must not replace its recordings.
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
        return SessionRecorder(self._folder, name, info, consent=self._consent)

    def end(self, recorder: SessionRecorder) -> None:
        """Without waiting until its last episode is whole."""
        self._closers.submit(recorder.close)

    def finish(self) -> None:
        """Wait until all recordings that were ended are whole."""
        self._closers.shutdown()
