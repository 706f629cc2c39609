"""Where episodes come from, piece by piece."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightcone.model.families.env.entry import PREFIX
from lightcone.model.families.env.player import VIZDOOM, Box, Player, open_player
from lightcone.model.interface import Actions, Image, WorldInfo
from lightcone.model.recordings.media import scaled
from lightcone.model.recordings.players.agents import MakeAgent, View, checked, repeating


@dataclass(frozen=True)
class Piece:
    """Some frames of an episode, as `EpisodeWriter.write` takes them."""

    frames: NDArray[np.uint8]
    sound: NDArray[np.float32] | None
    actions: Actions
    state: NDArray[np.float32] | None = None
    boxes: Sequence[Sequence[Box]] = ()
    text: str | None = None  # that holds from its first frame on


Pieces = Generator[Piece, None, bool]
"""Returns whether the world itself ended the episode."""


class Source(Protocol):
    """Something that is recorded. Raises ModelError, and whatever an environment raises."""

    @property
    def info(self) -> WorldInfo: ...

    @property
    def numbers(self) -> tuple[str, ...]:
        """Of the state, none where there is none."""
        ...

    def episode(self, index: int, seed: int, most: int) -> Pieces:
        """The episode with this number and seed, of at most so many frames. The same arguments
        give the same episode, whatever was played before."""
        ...

    def close(self) -> None: ...


PIECE = 32  # frames


class AgentSource:
    """An agent that plays an environment. `world` is the name that its recordings have."""

    def __init__(
        self,
        env: str,
        world: str,
        agent: MakeAgent,
        action_repeat: int = 1,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._player = _player(PREFIX + env.removeprefix(PREFIX), size)
        shown = self._player.info
        width, height = size or (shown.width, shown.height)
        self.info = replace(shown, name=world, width=width, height=height)
        self.numbers: tuple[str, ...] = getattr(self._player, "numbers", ())
        self._make_agent = agent
        self._repeat = action_repeat

    def episode(self, index: int, seed: int, most: int) -> Pieces:
        player, info = self._player, self.info
        agent = repeating(checked(self._make_agent(info, seed), info), self._repeat)
        player.reset(seed)
        picture: Image = np.zeros((info.height, info.width, 3), np.uint8)
        view, raw = View(0, picture, None, {}, ()), player.picture()
        played: list[_Frame] = []
        ended = False
        while not ended and view.frame < most:
            inputs = np.array(agent(view), np.float32)
            ended = player.step(inputs)
            before, raw = raw, player.picture()
            if ended and raw is before:
                break  # ViZDoom draws no last picture
            frame = _Frame(
                scaled(raw, info.width, info.height), player.sound(), inputs, *self._known()
            )
            played.append(frame)
            state = {} if frame.state is None else dict(zip(self.numbers, frame.state, strict=True))
            view = _next(view, frame, state)
            if len(played) == PIECE:
                yield _piece(played)
                played = []
        if played:
            yield _piece(played)
        return ended

    def close(self) -> None:
        self._player.close()

    def _known(self) -> tuple[NDArray[np.float32] | None, tuple[Box, ...]]:
        """The state and the boxes, of environments that say them."""
        if not self.numbers:
            return None, ()
        from lightcone.model.families.env.doom import DoomPlayer

        assert isinstance(self._player, DoomPlayer)
        return self._player.state(), tuple(self._player.boxes())


@dataclass(frozen=True)
class _Frame:
    picture: Image
    sound: NDArray[np.float32] | None
    inputs: NDArray[np.float32]
    state: NDArray[np.float32] | None
    boxes: tuple[Box, ...]


def _next(view: View, frame: _Frame, state: Mapping[str, float]) -> View:
    return View(view.frame + 1, frame.picture, frame.sound, state, frame.boxes)


def _piece(played: list[_Frame]) -> Piece:
    sounds = [frame.sound for frame in played if frame.sound is not None]
    states = [frame.state for frame in played if frame.state is not None]
    return Piece(
        np.stack([frame.picture for frame in played]),
        np.concatenate(sounds) if sounds else None,
        np.stack([frame.inputs for frame in played]),
        np.stack(states) if states else None,
        [frame.boxes for frame in played],
    )


def _player(world: str, size: tuple[int, int] | None) -> Player:
    """Raises UnknownWorld and EnvironmentFailed."""
    name = world.removeprefix(PREFIX)
    if not name.startswith(VIZDOOM):
        return open_player(world)
    try:
        from lightcone.model.families.env.doom import HEIGHT, WIDTH, DoomPlayer
    except ModuleNotFoundError:
        return open_player(world)  # which says what is missing
    rendered = _rendered(*(size or (WIDTH, HEIGHT)))
    return DoomPlayer(world, name.removeprefix(VIZDOOM), rendered, labels=True)


def _rendered(width: int, height: int) -> tuple[int, int]:
    """The smallest resolution of ViZDoom that is a whole multiple of a size, else the smallest
    that is not below it, else the largest."""
    from lightcone.model.families.env.doom import resolutions

    sizes = resolutions()
    whole = [(w, h) for w, h in sizes if w % width == h % height == 0 and w // width == h // height]
    above = [(w, h) for w, h in sizes if w >= width and h >= height]
    return (*whole, *above, sizes[-1])[0]
