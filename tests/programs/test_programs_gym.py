"""Environments for learning, here and over the wire."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from serving import Served

from lightcone.client import ClientError, Late
from lightcone.client.gym import (
    LocalEnv,
    LocalVectorEnv,
    RemoteEnv,
    RemoteVectorEnv,
    Transition,
)
from lightcone.client.gym.remote import heard
from lightcone.client.gym.spaces import WorldSpaces
from lightcone.model.families.probe.model import ProbeModel
from lightcone.model.families.probe.picture import read_axis, read_frame_code, read_ground
from lightcone.model.families.probe.variants import PROBE, PROBE_35, PROBE_LONG

REST: dict[str, Any] = {"binary": np.zeros(4, np.int8), "continuous": np.zeros(1, np.float32)}
RIGHT = REST | {"binary": np.array([0, 1, 0, 0], np.int8)}


class CountedSteps(ProbeModel):
    """Notes the size of each batch."""

    def __init__(self) -> None:
        super().__init__(compute_ms=0)
        self.batches: list[int] = []
        self.released = 0

    def step(self, states: Any, actions: Any, emit: Any, steps: Any = None) -> Any:
        self.batches.append(len(states))
        return super().step(states, actions, emit, steps)

    def release(self, state: Any) -> None:
        self.released += 1


@pytest.fixture
def model() -> CountedSteps:
    return CountedSteps()


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def bright(step: Transition) -> tuple[float, bool]:
    """Reward for holding a button, and the end after world frame 20."""
    return float(any(read_frame_code(step.after["screen"])[1])), step.info["world_frame"] > 20


def names(info: Any) -> list[str]:
    return [button.name for button in info.buttons]


def test_spaces_are_those_of_vizdooms_wrapper() -> None:
    found = WorldSpaces(PROBE, names(PROBE))
    assert found.observation == spaces.Dict(
        {
            "screen": spaces.Box(0, 255, (96, 128, 3), np.uint8),
            "audio": spaces.Box(-32768, 32767, (2000, 2), np.int16),
        }
    )
    assert found.action == spaces.Dict(
        {
            "binary": spaces.MultiBinary(4),
            "continuous": spaces.Box(-1, 1, (1,), np.float32),
        }
    )
    two = WorldSpaces(PROBE_35, names(PROBE_35), chunks=2, max_buttons_pressed=2)
    assert two.frames == 4
    assert two.observation["audio"].shape == (4 * 44_100 // 35, 2)
    assert two.action["binary"] == spaces.Discrete(1 + 4 + 6)
    assert two.held({"binary": 0, "continuous": [-0.5]}) == ([], {"turn": -1.5})
    assert two.held({"binary": 10, "continuous": [0]}) == (["jump", "shoot"], {})
    assert set(WorldSpaces(PROBE_LONG, names(PROBE_LONG)).observation) == {"screen"}


def test_all_discrete_actions_differ() -> None:
    space = WorldSpaces(PROBE, names(PROBE), max_buttons_pressed=3)
    held = {tuple(space.held({"binary": i, "continuous": [0]})[0]) for i in range(1 + 4 + 6 + 4)}
    assert len(held) == 15


def test_a_world_without_controls_is_refused() -> None:
    with pytest.raises(ClientError, match="has no controls"):
        WorldSpaces(replace(PROBE, axes=()), [])


@pytest.mark.parametrize("world", ["probe", "probe-35", "probe-60", "probe-long"])
@pytest.mark.parametrize("pressed", [0, 1])
def test_the_local_environment_is_as_gymnasium_wants_it(
    model: CountedSteps, world: str, pressed: int
) -> None:
    check_env(LocalEnv(model, world, judge=bright, max_buttons_pressed=pressed))


def test_an_action_is_seen_and_heard_in_the_very_step(model: CountedSteps) -> None:
    env = LocalEnv(model, "probe", judge=bright, render_mode="rgb_array")
    observation, info = env.reset(seed=1, options={"prompt": "red"})
    assert (read_ground(observation["screen"]), info) == ("red", {"world_frame": 1})
    observation, reward, *ends, info = env.step(RIGHT)
    assert read_frame_code(observation["screen"]) == (3, (False, True, False, False))
    assert np.abs(observation["audio"]).max() == pytest.approx(0.5 * 32767, rel=0.01)
    assert (observation["audio"][:, 0] == observation["audio"][:, 1]).all()
    assert (reward, ends, info) == (1.0, [False, False], {"world_frame": 3})
    assert np.array_equal(env.render(), observation["screen"])
    observation, *_ = env.step(REST | {"continuous": np.array([1.0], np.float32)})
    assert read_axis(observation["screen"]) == pytest.approx(3.0, abs=0.05)
    assert not observation["audio"].any()
    for _ in range(8):
        _, reward, terminated, truncated, info = env.step(REST)
    assert (reward, terminated, truncated, info["world_frame"]) == (0.0, True, False, 21)
    with pytest.raises(ClientError, match="no option 'speed'"):
        env.reset(options={"speed": 2})
    env.close()
    assert model.released == 1 + sum(model.batches)  # every state that there was


def test_what_is_asked_wrongly_has_a_name(model: CountedSteps) -> None:
    with pytest.raises(ClientError, match="the model has no 'mars'"):
        LocalEnv(model, "mars")
    with pytest.raises(ClientError, match="no render mode 'human'"):
        LocalEnv(model, "probe", render_mode="human")
    with pytest.raises(ClientError, match="reset comes before"):
        LocalEnv(model, "probe").step(REST)


def test_all_runs_are_one_step_of_the_model(model: CountedSteps) -> None:
    envs = LocalVectorEnv(model, "probe", 3, judge=bright, chunks=2)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observations, infos = envs.reset(seed=5)
    assert observations["screen"].shape == (3, 96, 128, 3)
    assert infos["world_frame"].tolist() == [3, 3, 3]
    actions = {"binary": np.eye(3, 4, dtype=np.int8), "continuous": np.zeros((3, 1), np.float32)}
    observations, rewards, terminated, truncated, infos = envs.step(actions)
    held = [read_frame_code(screen)[1] for screen in observations["screen"]]
    assert held == [tuple(i == row for i in range(4)) for row in range(3)]
    assert (rewards.tolist(), terminated.any(), truncated.any()) == ([1.0] * 3, False, False)
    assert set(model.batches) == {3}
    envs.close()


def test_a_run_of_many_is_as_one_alone(model: CountedSteps) -> None:
    envs = LocalVectorEnv(model, "probe", 2, judge=bright, max_steps=4)
    alone = [LocalEnv(model, "probe", judge=bright, max_steps=4) for _ in range(2)]
    observations, _ = envs.reset(seed=7)
    for row, env in enumerate(alone):
        assert np.array_equal(env.reset(seed=7 + row)[0]["screen"], observations["screen"][row])
    envs.action_space.seed(3)
    ended = np.zeros(2, bool)
    for _ in range(11):
        actions = envs.action_space.sample()
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        for row, env in enumerate(alone):
            if ended[row]:
                screen, outcome = env.reset()[0]["screen"], (0.0, False, False)
            else:
                one, *found, _ = env.step({name: each[row] for name, each in actions.items()})
                screen, outcome = one["screen"], tuple(found)
            assert np.array_equal(screen, observations["screen"][row])
            assert outcome == (rewards[row], terminated[row], truncated[row])
        ended = terminated | truncated


def test_chunks_of_unequal_length_are_stepped_apart(model: CountedSteps) -> None:
    ends_first = LocalVectorEnv(
        model, "probe-long", 2, judge=lambda step: (0.0, bool(step.action["binary"][0]))
    )
    ends_first.reset(seed=1)
    actions = {"binary": np.eye(2, 4, dtype=np.int8), "continuous": np.zeros((2, 1), np.float32)}
    ends_first.step(actions)
    *_, infos = ends_first.step(actions)
    assert infos["world_frame"].tolist() == [8, 32]
    assert model.batches == [2, 2, 1, 1]


def test_the_remote_environment_is_as_gymnasium_wants_it(probes: Served) -> None:
    """All but equal observations from equal seeds, which its `spec` says it does not have."""
    env = RemoteEnv(probes.url, "probe", max_steps=100)
    assert env.spec is not None
    assert env.spec.nondeterministic
    check_env(env)
    env.close()


async def test_sound_that_does_not_come_is_not_waited_for() -> None:
    class Silent:
        async def sound(self, start: float, seconds: float, rate: int, patience_s: float) -> Any:
            raise Late(f"waited {patience_s:g} s")

    assert await heard(Silent(), 0.0, 0.1, 24_000) is None


def test_a_remote_step_shows_its_action(probes: Served) -> None:
    env = RemoteEnv(probes.url, max_steps=1000, chunks=2)
    assert env.observation_space == WorldSpaces(PROBE, names(PROBE), chunks=2).observation
    observation, _ = env.reset(seed=1, options={"prompt": "blue"})
    assert read_ground(observation["screen"]) == "blue"
    loud = False
    while not loud:  # sound for which a busy server had not the time is left out
        observation, _, terminated, truncated, info = env.step(RIGHT)
        code, held = read_frame_code(observation["screen"])
        assert held == (False, True, False, False)
        assert code >= info["world_frame"]
        assert (terminated, truncated) == (False, False)
        loud = np.abs(observation["audio"]).max() > 0.4 * 32767
    observation, *_ = env.step(REST)
    assert not any(read_frame_code(observation["screen"])[1])
    env.close()
    env.close()
    with pytest.raises(ClientError, match="'mars' is not served"):
        RemoteEnv(probes.url, "mars")


def test_remote_runs_are_stepped_together(probes: Served) -> None:
    envs = RemoteVectorEnv(probes.url, "probe", 2, max_steps=2)
    envs.reset(seed=1)
    actions = {"binary": np.eye(2, 4, dtype=np.int8), "continuous": np.zeros((2, 1), np.float32)}
    for _ in range(2):
        observations, _, _, truncated, infos = envs.step(actions)
        for row, screen in enumerate(observations["screen"]):
            assert read_frame_code(screen)[1][row]
    assert truncated.all()
    assert (infos["world_frame"] > 0).all()
    *_, truncated, infos = envs.step(actions)
    assert not truncated.any()
    envs.close()
