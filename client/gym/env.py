"""gymnasium.Env and gymnasium.vector.VectorEnv over runs of a world, here or on a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import Space
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate
from numpy.typing import NDArray

from lightcone.client.errors import ClientError
from lightcone.client.gym.spaces import Observation
from lightcone.client.gym.turns import Act, Begin, Episode, Judge, Rows, Shown, Turn, unjudged

SEEDS = 2**31  # a world's seed is below
RENDER_MODES = ("rgb_array",)


class WorldEnv(gymnasium.Env[Observation, Any]):
    """One run. `judge` gives reward and termination, `max_steps` truncates. `remake` makes another
    environment like this one, for gymnasium's `spec`."""

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES}  # noqa: RUF012 (as its base)

    def __init__(
        self,
        rows: Rows,
        name: str,
        remake: Callable[..., gymnasium.Env[Observation, Any]],
        judge: Judge = unjudged,
        max_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.render_mode = _checked_mode(render_mode)
        self.observation_space: Space[Any] = rows.spaces.observation
        self.action_space = rows.spaces.action
        self.metadata = {**self.metadata, "render_fps": _steps_per_second(rows)}
        self.spec = EnvSpec(name, entry_point=remake, nondeterministic=not rows.deterministic)
        self._rows = rows
        self._judge = judge
        self._max_steps = max_steps
        self._episode: Episode | None = None
        self._screen: NDArray[np.uint8] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """`options` may have a `prompt`, and on a server a `snapshot`, for the world to begin
        with. The first observation is that of a first step with nothing held."""
        super().reset(seed=seed)
        observation, info = self._turn(Begin(int(self.np_random.integers(SEEDS)), options or {}))
        self._episode = Episode(self._judge, self._max_steps, observation)
        return observation, info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if self._episode is None:
            raise ClientError("reset comes before the first step")
        shown = self._turn(Act(*self._rows.spaces.held(action)))
        return shown[0], *self._episode.step(action, shown), shown[1]

    def render(self) -> NDArray[np.uint8] | None:
        """The last picture, (H, W, 3)."""
        return None if self.render_mode is None else self._screen

    def close(self) -> None:
        self._rows.close()

    def _turn(self, turn: Turn) -> Shown:
        shown = self._rows.advance({0: turn})[0]
        self._screen = np.array(shown[0]["screen"])
        return shown


class WorldVectorEnv(gymnasium.vector.VectorEnv[Observation, Any, NDArray[Any]]):
    """`num_envs` runs that are stepped together. Where an episode has ended, the next step begins
    another one, whatever the action (AutoresetMode.NEXT_STEP)."""

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self, rows: Rows, num_envs: int, judge: Judge = unjudged, max_steps: int | None = None
    ) -> None:
        self.num_envs = num_envs
        self.single_observation_space = rows.spaces.observation
        self.single_action_space = rows.spaces.action
        self.observation_space = batch_space(rows.spaces.observation, num_envs)
        self.action_space = batch_space(rows.spaces.action, num_envs)
        self._rows = rows
        self._judge = judge
        self._max_steps = max_steps
        self._random = [seeding.np_random()[0] for _ in range(num_envs)]
        self._episodes: dict[int, Episode] = {}
        self._ended = np.ones(num_envs, np.bool_)
        self._options: Mapping[str, Any] = {}

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """A seed for each run, or one from which they are counted up. `options` are as in
        `WorldEnv.reset`; those given last also hold for the episodes that begin by themselves."""
        seeds = _seeds(seed, self.num_envs)
        for row, own in enumerate(seeds):
            if own is not None:
                self._random[row] = seeding.np_random(own)[0]
        self._options = options or {}
        shown = self._rows.advance({row: self._begin(row) for row in range(self.num_envs)})
        for row in shown:
            self._begun(row, shown[row])
        return self._stacked(shown)

    def step(
        self, actions: Any
    ) -> tuple[
        Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        if not self._episodes:
            raise ClientError("reset comes before the first step")
        each = list(iterate(self.action_space, actions))
        ended = self._ended
        turns: dict[int, Turn] = {
            row: self._begin(row) if ended[row] else Act(*self._rows.spaces.held(action))
            for row, action in enumerate(each)
        }
        shown = self._rows.advance(turns)
        rewards = np.zeros(self.num_envs, np.float64)
        terminated, truncated = (np.zeros(self.num_envs, np.bool_) for _ in range(2))
        for row, action in enumerate(each):
            if ended[row]:
                self._begun(row, shown[row])
            else:
                judged = self._episodes[row].step(action, shown[row])
                rewards[row], terminated[row], truncated[row] = judged
        self._ended = terminated | truncated
        observations, infos = self._stacked(shown)
        return observations, rewards, terminated, truncated, infos

    def close_extras(self, **kwargs: Any) -> None:
        self._rows.close()

    def _begin(self, row: int) -> Begin:
        return Begin(int(self._random[row].integers(SEEDS)), self._options)

    def _begun(self, row: int, shown: Shown) -> None:
        self._episodes[row] = Episode(self._judge, self._max_steps, shown[0])
        self._ended[row] = False

    def _stacked(self, shown: Mapping[int, Shown]) -> tuple[Observation, dict[str, Any]]:
        rows = [shown[row] for row in range(self.num_envs)]
        space = self.single_observation_space
        empty: Any = create_empty_array(space, self.num_envs)
        observations: Any = concatenate(space, [observation for observation, _ in rows], empty)
        infos: dict[str, Any] = {}
        for row, (_, info) in enumerate(rows):
            infos = self._add_info(infos, info, row)
        return observations, infos


def _seeds(seed: int | Sequence[int | None] | None, count: int) -> Sequence[int | None]:
    if seed is None:
        return [None] * count
    seeds = [seed + row for row in range(count)] if isinstance(seed, int) else seed
    if len(seeds) != count:
        raise ClientError(f"{len(seeds)} seeds for {count} environments")
    return seeds


def _checked_mode(mode: str | None) -> str | None:
    if mode is not None and mode not in RENDER_MODES:
        raise ClientError(f"no render mode '{mode}' (known: {', '.join(RENDER_MODES)})")
    return mode


def _steps_per_second(rows: Rows) -> float:
    return rows.spaces.world.fps / rows.spaces.frames
