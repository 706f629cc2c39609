"""What `lightcone record` is asked for, and the process that records episodes of it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from lightcone.model.families.env.entry import PREFIX
from lightcone.model.families.env.player import VIZDOOM, episode_seed
from lightcone.model.families.staged.definition import WORLDS as SIMULATED
from lightcone.model.interface import EnvironmentFailed, ModelError, WorldInfo
from lightcone.model.recordings.format import EpisodeMeta, recorded_name
from lightcone.model.recordings.plan import Order
from lightcone.model.recordings.players.agents import find_agent
from lightcone.model.recordings.players.sources import AgentSource, Source
from lightcone.model.recordings.writer import EpisodeWriter

DOOM_LICENCE = "Freedoom (BSD-3-Clause), ViZDoom (MIT)"
NO_PERSON = "no person was recorded"


@dataclass(frozen=True)
class Job:
    env: str  # of gymnasium, "vizdoom/SCENARIO", or a simulator
    out: Path
    seed: int
    agent: str = "random"
    world: str = ""  # the name that the recordings have, by default the last part of `env`
    action_repeat: int = 1
    size: tuple[int, int] | None = None
    episode_seconds: float = 60.0
    licence: str = ""

    @property
    def name(self) -> str:
        return self.world or recorded_name(self.env)

    @property
    def player(self) -> str:
        return "drivers" if self.env in SIMULATED else self.agent

    @property
    def source(self) -> str:
        kind = "simulator " if self.env in SIMULATED else PREFIX
        repeat = f", actions held for {self.action_repeat} frames" if self.action_repeat > 1 else ""
        return f"{kind}{self.env.removeprefix(PREFIX)}, played by {self.player}{repeat}"

    def seed_of(self, index: int) -> int:
        """Of an episode: what the environment is given."""
        return episode_seed(self.seed, index)

    def name_of(self, index: int) -> str:
        player = self.player.replace(":", ".").replace("/", ".")
        return f"{player}-{self.seed}-{index:06d}"

    def meta(self, index: int, info: WorldInfo, numbers: tuple[str, ...]) -> EpisodeMeta:
        doom = self.env.removeprefix(PREFIX).startswith(VIZDOOM)
        return EpisodeMeta(
            info=info,
            frames=0,
            source=self.source,
            seed=self.seed_of(index),
            licence=self.licence or (DOOM_LICENCE if doom else ""),
            consent=NO_PERSON,
            state=numbers,
        )

    def open(self) -> Source:
        """Raises UnknownWorld, EnvironmentFailed, UnknownAgent and UnsupportedSetting."""
        if self.env in SIMULATED:
            from lightcone.model.recordings.players.simulated import SimulatorSource, use_one_thread

            use_one_thread()
            return SimulatorSource(self.env, self.name, self.seed_of, self.size)
        agent = find_agent(self.agent)
        return AgentSource(self.env, self.name, agent, self.action_repeat, self.size)


@dataclass(frozen=True)
class Opened:
    """The first answer of a process."""

    info: WorldInfo


@dataclass(frozen=True)
class Grown:
    """So many more frames are written."""

    frames: int


@dataclass(frozen=True)
class Recorded:
    """The episode that was asked for is whole."""

    index: int
    frames: int


def record_episode(
    job: Job, source: Source, order: Order, grown: Callable[[int], None] = lambda frames: None
) -> Recorded:
    """Record one episode into its folder."""
    meta = job.meta(order.index, source.info, source.numbers)
    with EpisodeWriter(job.out, job.name_of(order.index), meta) as writer:
        pieces = source.episode(order.index, job.seed_of(order.index), order.most)
        ended = False
        while True:
            try:
                piece = next(pieces)
            except StopIteration as stop:
                ended = bool(stop.value)
                break
            if piece.text is not None:
                writer.text(piece.text)
            writer.write(piece.frames, piece.sound, piece.actions, piece.state, piece.boxes)
            grown(len(piece.frames))
        frames = writer.frames
        writer.close(ended=ended)
    return Recorded(order.index, frames)


def work(connection: Connection, job: Job) -> None:
    """What a process does: it answers `Opened`, then each `Order` with some `Grown` and one
    `Recorded`, until nobody is at the other end. Where something failed it answers that error."""
    os.setsid()  # Ctrl-C is for the process that asks; and ViZDoom's engine ends with this group
    sys.path.insert(0, os.getcwd())  # for agents
    os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy")
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="lightcone-record-", ignore_cleanup_errors=True) as own:
        os.chdir(own)  # environments leave files
        try:
            _answer(connection, job)
        except (EOFError, BrokenPipeError):
            pass
        except ModelError as error:
            _send(connection, error)
        except Exception as error:  # whatever an environment raises
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            _send(connection, EnvironmentFailed(f"'{job.env}' raised {reason}"))
    connection.close()
    os.killpg(0, signal.SIGKILL)


def _answer(connection: Connection, job: Job) -> None:
    source = job.open()
    connection.send(Opened(source.info))
    try:
        while True:
            order = connection.recv()
            episode = record_episode(job, source, order, lambda n: connection.send(Grown(n)))
            connection.send(episode)
    finally:
        source.close()


def _send(connection: Connection, error: ModelError) -> None:
    with suppress(OSError):
        connection.send(error)
