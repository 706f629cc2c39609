"""The command line: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from serving import LIGHTCONE, ServedWorld
from some_pictures import picture

from lightcone.model.families.probe.model import (
    ProbeWorld,
    read_axis,
    read_frame_code,
    read_ground,
)
from lightcone.model.interface import ModelError
from lightcone.server.cli.actions_file import (
    ActionsFileError,
    Timeline,
)
from lightcone.server.cli.generate import (
    Job,
    generate,
    write,
)
from lightcone.server.control.protocol import schema
from lightcone.server.errors import LightconeError


def lightcone(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LIGHTCONE, *args],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def check_one_line(done: subprocess.CompletedProcess[str], code: int, text: str) -> None:
    assert done.returncode == code, done.stderr
    assert text in done.stderr
    assert done.stderr.startswith("lightcone: ")
    assert done.stderr.count("\n") == 1


def test_the_schema_is_exported() -> None:
    assert json.loads(lightcone("schema").stdout) == schema()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use(taken_port: int) -> None:
    done = lightcone("serve", "--worlds", "probe", "--port", str(taken_port))
    check_one_line(done, 1, f"127.0.0.1:{taken_port}: Address already in use")


def test_missing_weights_are_noticed_before_anything_else(tmp_path: Path) -> None:
    done = lightcone("serve", "--worlds", "court", "--weights", str(tmp_path), "--port", "0")
    check_one_line(done, 1, "no weights for 'court'")


def test_corrupt_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"worlds": ["court"]}')
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 64)
    done = lightcone("serve", "--weights", str(tmp_path), "--port", "0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("lightcone: ")
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights for small worlds."""
    from small_worlds import small_weights  # loads torch

    folder = tmp_path_factory.mktemp("weights")
    small_weights().save(folder)
    return folder


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--steps", "3"), "1, 2 or 4 steps, not 3"),
        (("--device", "cuda:99"), "the device 'cuda:99' can not be used"),
    ],
)
def test_a_setting_that_the_model_can_not_have(
    weights: Path, tmp_path: Path, flags: tuple[str, ...], text: str
) -> None:
    of_weights = ("--weights", str(weights), *flags)
    check_one_line(lightcone("generate", "--out", str(tmp_path / "out.mp4"), *of_weights), 1, text)
    served = lightcone("serve", "--port", "0", "--log-level", "error", *of_weights)
    check_one_line(served, 1, text)


def test_unknown_words_are_one_line(weights: Path, tmp_path: Path) -> None:
    args = ("--weights", str(weights), "--out", str(tmp_path / "out.mp4"), "--prompt", "red moon")
    check_one_line(lightcone("generate", *args), 1, "unknown words in the prompt: moon (known: gym")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_world() -> None:
    check_one_line(lightcone("serve", "--worlds", "atlantis"), 1, "unknown world 'atlantis'")


def test_a_setting_that_is_none() -> None:
    check_one_line(lightcone("serve", LIGHTCONE_PORT="many"), 2, "port: ")
    assert lightcone("serve", "--port", "many").returncode == 2
    assert "--nonsense" in lightcone("serve", "--nonsense").stderr


def test_the_flags_are_explained() -> None:
    text = lightcone("serve", "--help").stdout
    assert "--max-worlds" in text
    assert "generate" in lightcone("--help").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(serve: Callable[..., ServedWorld], number: int) -> None:
    server = serve()
    server.new_world()
    assert server.stop(number) == 0
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "ended (the server goes down)" in log
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, timeout=5)


def job(out: Path) -> Job:
    return Job(
        out=out,
        world="probe",
        seed=7,
        seconds=1.05,
        actions=None,
        prompt="",
        image=None,
        weights=out.parent,
        steps=1,
        device="cpu",
        scale=2,
    )


def test_generate_writes_picture_and_sound_with_the_actions_of_the_file(tmp_path: Path) -> None:
    actions = tmp_path / "actions.jsonl"
    actions.write_text(
        '{"t": 0.5, "buttons": ["right", "jump"]}\n{"t": 0.75, "buttons": ["left"]}\n'
    )
    out = tmp_path / "out.mp4"
    args = ("--world", "probe", "--seconds", "1.05", "--actions", str(actions), "--out", str(out))
    done = lightcone("generate", *args, "--seed", "7")
    assert done.returncode == 0, done.stderr
    assert "26/26" in done.stderr
    with av.open(str(out)) as file:
        codes = [read_frame_code(f.to_ndarray(format="rgb24")) for f in file.decode(video=0)]
    assert [frame for frame, _ in codes] == list(range(26))
    right_jump, left = (False, True, True, False), (True, False, False, False)
    assert [held for _, held in codes] == [(False,) * 4] * 12 + [right_jump] * 6 + [left] * 8
    with av.open(str(out)) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert samples == pytest.approx(26_000, abs=2048)


def test_generate_takes_a_picture_axes_and_prompts(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(picture((200, 20, 20)))
    actions = tmp_path / "actions.jsonl"
    actions.write_text(
        '{"t": 0.25, "axes": {"turn": 1.5}}\n'
        '{"t": 0.5, "prompt": "green"}\n'
        '{"t": 0.75, "prompt": "blue", "how": "blend", "chunks": 2, "axes": {}}\n'
    )
    fields = {"actions": actions, "image": tmp_path / "image.png"}
    generate(replace(job(tmp_path / "out.mp4"), **fields))
    with av.open(str(tmp_path / "out.mp4")) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    grounds = [read_ground(each) for each in pictures]
    assert grounds[:12] == ["red"] * 12
    assert grounds[12:18] == ["green"] * 6
    assert grounds[20:] == ["blue"] * 6
    axes = [read_axis(each) for each in pictures]
    expected = [0.0] * 6 + [1.5] * 12 + [0.0] * 8
    assert axes == pytest.approx(expected, abs=0.1)


def test_a_broken_actions_file_is_one_line(tmp_path: Path) -> None:
    actions = tmp_path / "actions.jsonl"
    actions.write_text('{"t": 1, "buttons": []}\n{"t": 0, "buttons": []}')
    args = ("--world", "probe", "--actions", str(actions), "--out", str(tmp_path / "out.mp4"))
    check_one_line(lightcone("generate", *args), 1, "actions.jsonl:2: t 0 is before")
    assert list(tmp_path.iterdir()) == [actions]


def test_words_that_the_world_can_not_follow_are_found_before_anything_is_written(
    tmp_path: Path,
) -> None:
    actions = tmp_path / "actions.jsonl"
    actions.write_text('\n{"t": 0, "prompt": "red"}\n{"t": 9, "prompt": "moon", "how": "blend"}\n')
    with pytest.raises(ActionsFileError, match=r"actions\.jsonl:3: unknown words .* moon"):
        generate(replace(job(tmp_path / "out.mp4"), actions=actions))
    assert list(tmp_path.iterdir()) == [actions]


def test_what_fails_half_way_leaves_the_old_file_alone(tmp_path: Path) -> None:
    class Breaking(ProbeWorld):
        def step(self, states: Any, actions: Any) -> Any:
            if states[0].index == 5:
                raise RuntimeError("half way")
            return super().step(states, actions)

    out = tmp_path / "out.mp4"
    out.write_text("old")
    with pytest.raises(RuntimeError, match="half way"):
        write(Breaking(0), job(out), Timeline())
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": -1.0}, "seconds"),
        ({"world": "court"}, "no weights"),
        ({"world": "atlantis"}, "unknown world"),
        ({"out": Path("/no/such/folder/out.mp4")}, "can not write"),
        ({"actions": Path("/no/such/file")}, "No such file"),
        ({"image": Path("/no/such/file")}, "/no/such/file: No such file"),
        ({"image": Path(__file__)}, "neither PNG nor JPEG"),
        ({"prompt": "red moon"}, "unknown words in the prompt: moon"),
    ],
)
def test_generate_refuses_what_it_can_not_do(
    tmp_path: Path, fields: dict[str, Any], text: str
) -> None:
    with pytest.raises((LightconeError, ModelError), match=text):
        generate(replace(job(tmp_path / "out.mp4"), **fields))
    assert list(tmp_path.iterdir()) == []


def test_generate_does_not_take_a_folder_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(LightconeError, match="it is a folder"):
        generate(job(tmp_path))
