"""The command line: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from serving import LIGHTCONE, Served

from lightcone.server.control.protocol import schema


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
    check_one_line(lightcone("serve", "--consent", "given"), 2, "consent: ")
    assert "--nonsense" in lightcone("serve", "--nonsense").stderr


def test_the_flags_are_explained() -> None:
    text = lightcone("serve", "--help").stdout
    assert "--max-sessions" in text
    assert "generate" in lightcone("--help").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(serve: Callable[..., Served], number: int) -> None:
    server = serve()
    server.new_session()
    assert server.stop(number) == 0
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "reason='the server goes down'" in log
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, timeout=5)


def test_a_broken_actions_file_is_one_line(tmp_path: Path) -> None:
    actions = tmp_path / "actions.jsonl"
    actions.write_text('{"t": 1, "buttons": []}\n{"t": 0, "buttons": []}')
    args = ("--world", "probe", "--actions", str(actions), "--out", str(tmp_path / "out.mp4"))
    check_one_line(lightcone("generate", *args), 1, "actions.jsonl:2: t 0 is before")
    assert list(tmp_path.iterdir()) == [actions]


def test_a_log_is_replayed_and_a_spoiled_one_is_one_line(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    flags = ("--world", "probe", "--seconds", "1", "--out", str(tmp_path / "out.mp4"))
    assert lightcone("generate", *flags, "--log", str(log)).returncode == 0
    done = lightcone("replay", str(log), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["chunks"], found["equal"]) == (12, 12)
    whole = log.read_bytes()
    log.write_bytes(whole[:-30])
    check_one_line(lightcone("replay", str(log), "--json"), 1, "run.log: ")
    log.write_bytes(whole.replace(b'"seed":0', b'"seed":1'))
    check_one_line(lightcone("replay", str(log)), 1, "run.log: the log is damaged")
    check_one_line(lightcone("replay", str(tmp_path / "none")), 1, "none: No such file")
