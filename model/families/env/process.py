"""The near end of an environment's process: requests, answers in time, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing import Pipe
from tempfile import TemporaryDirectory

from lightcone.model.families.env.child import CLOSE_SECONDS, FOLDER, Answer, Close, Failed, Request
from lightcone.model.interface import EnvironmentFailed


class EnvProcess:
    """One environment's process, in a process group of its own.

    Requests can be sent before earlier ones are answered; answers come in order. A process that
    fails is killed: it cannot be asked again.
    """

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        self._folder = TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True)
        paths = [os.path.abspath(path) for path in sys.path]
        quiet = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", __package__ + ".child", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(paths)},
            cwd=self._folder.name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._ending = threading.Lock()
        self._ended = False
        self._reaper: threading.Thread | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._ended

    def send(self, request: Request) -> None:
        """Never raises: what cannot be sent is missed at its answer."""
        with suppress(OSError):
            self._connection.send(request)

    def receive(self, seconds: float) -> Answer:
        """The next answer. Raises UnknownWorld and EnvironmentFailed."""
        try:
            if not self._connection.poll(seconds):
                self.kill()
                raise EnvironmentFailed(f"the environment did not answer in {seconds:g} s")
            answer: Answer = self._connection.recv()
        except (EOFError, OSError) as error:
            self.kill()
            raise EnvironmentFailed(f"the environment's process ended ({self._exit()})") from error
        if isinstance(answer, Failed):
            self.close()
            raise answer.error
        return answer

    def close(self) -> None:
        """End it, without waiting."""
        if self._first():
            self.send(Close())
            self._reaper = threading.Thread(target=self._reap, name="env-close", daemon=True)
            self._reaper.start()

    def join(self) -> None:
        """Wait for its end, a few seconds at most."""
        if self._reaper is not None:
            self._reaper.join()

    def kill(self) -> None:
        """End it at once."""
        if self._first():
            self._end()

    def _first(self) -> bool:
        with self._ending:
            first, self._ended = not self._ended, True
        return first

    def _reap(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_SECONDS)
        self._end()

    def _end(self) -> None:
        """Its group may outlive it, by ViZDoom's engine."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._connection.close()
        self._folder.cleanup()

    def _exit(self) -> str:
        code = self._process.returncode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
