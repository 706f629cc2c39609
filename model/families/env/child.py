"""The process of one environment: `python -m lightcone.model.families.env.child FD`.

It answers requests from the connection with that file descriptor, one after the other, and ends
with everything it started when the other end is closed, also in the midst of a step. Its working
folder goes with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from lightcone.model.families.env.player import Player, episode_seed, open_player
from lightcone.model.interface import Actions, EnvironmentFailed, ModelError, WorldInfo

FOLDER = "lightcone-env-"  # begins the names of working folders, for environments leave files
CLOSE_SECONDS = 2.0  # to end in peace


@dataclass(frozen=True)
class Describe:
    """Asks for a world's `WorldInfo`."""

    world: str


@dataclass(frozen=True)
class Begin:
    """Asks to be where an episode is after these inputs. The answer is None."""

    world: str
    seed: int  # of the session
    episode: int
    inputs: Actions


@dataclass(frozen=True)
class Step:
    """Asks for `Played`."""

    inputs: Actions


@dataclass(frozen=True)
class Close:
    """Asks for the end, without an answer."""


Request = Describe | Begin | Step | Close


@dataclass(frozen=True)
class Played:
    """Frames (F, H, W, 3), their sound, and which episode goes on after them. `begun` is the index
    of the frame with which that episode began, None where it began before them."""

    frames: NDArray[np.uint8]
    sound: NDArray[np.float32] | None
    episode: int
    begun: int | None


@dataclass(frozen=True)
class Failed:
    """The answer where something was raised."""

    error: ModelError


Answer = WorldInfo | Played | Failed | None


class Stage:
    """An environment and where it is."""

    def __init__(self) -> None:
        self._players: dict[str, Player] = {}
        self._player: Player | None = None
        self._seed = self._episode = 0
        self._over = False

    def answer(self, request: Request) -> Answer:
        match request:
            case Describe(world):
                return self._open(world).info
            case Begin():
                self._begin(request)
            case Step(inputs):
                return self._step(inputs)
        return None

    def close(self) -> None:
        for player in self._players.values():
            player.close()

    def _open(self, world: str) -> Player:
        if world not in self._players:
            self._players[world] = open_player(world)
        return self._players[world]

    def _begin(self, request: Begin) -> None:
        player = self._player = self._open(request.world)
        self._seed, self._episode, self._over = request.seed, request.episode, False
        player.reset(episode_seed(self._seed, self._episode))
        for row in request.inputs:
            if self._over:
                raise EnvironmentFailed("the environment does not repeat: an episode ended earlier")
            self._over = player.step(row)

    def _step(self, inputs: Actions) -> Played:
        player = self._player
        if player is None:
            raise EnvironmentFailed("a step was asked for before the beginning")
        frames, sounds, begun = [], [], None
        for i, row in enumerate(inputs):
            if self._over:
                self._episode, begun = self._episode + 1, i
                player.reset(episode_seed(self._seed, self._episode))
            self._over = player.step(row)
            frames.append(player.picture())
            sounds.append(player.sound())
        heard = [sound for sound in sounds if sound is not None]
        sound = np.concatenate(heard) if heard else None
        return Played(np.stack(frames), sound, self._episode, begun)


def serve(connection: Connection) -> None:
    """Answer until asked to close."""
    requests: SimpleQueue[Request] = SimpleQueue()
    receiver = threading.Thread(target=_receive, args=(connection, requests), daemon=True)
    receiver.start()
    stage = Stage()
    while not isinstance(request := requests.get(), Close):
        answer: Answer
        try:
            answer = stage.answer(request)
        except ModelError as error:
            answer = Failed(error)
        except Exception as error:  # whatever an environment raises
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            answer = Failed(EnvironmentFailed(f"the environment raised {reason}"))
        with suppress(OSError):  # nobody listens any more: a request to close follows
            connection.send(answer)
    stage.close()


def _receive(connection: Connection, requests: SimpleQueue[Request]) -> None:
    """A thread of its own, so that nothing an environment does can hide that nobody listens."""
    try:
        while True:
            requests.put(connection.recv())
    except (EOFError, OSError):
        requests.put(Close())
        threading.Event().wait(CLOSE_SECONDS)  # for the environment, which may never get there
        remove_folder()
        os.killpg(os.getpgrp(), signal.SIGKILL)  # ViZDoom's engine is a process too


def remove_folder() -> None:
    """The working folder, if `EnvProcess` made it."""
    folder = Path.cwd()
    if folder.name.startswith(FOLDER):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    # As the imported module: what is sent is of its classes.
    from lightcone.model.families.env import child

    child.serve(Connection(int(sys.argv[1])))
    child.remove_folder()
