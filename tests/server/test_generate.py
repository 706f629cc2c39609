"""`lightcone generate`: what it writes, and what it refuses."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from serving import LIGHTCONE
from some_pictures import picture

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.probe.model import (
    ProbeModel,
    read_axis,
    read_frame_code,
    read_ground,
)
from lightcone.model.interface import ModelError, collect
from lightcone.model.runtime.snapshot import pack
from lightcone.server.cli.actions_file import ActionsFileError, Timeline
from lightcone.server.cli.generate import Beginning, Job, generate, write
from lightcone.server.cli.replay import ReplaySettings, replay
from lightcone.server.errors import LightconeError
from lightcone.server.sessions.action_log import LoggedPrompt, read_log


def job(out: Path) -> Job:
    return Job(out=out, world="probe", seed=7, seconds=1.05, weights=out.parent, scale=2)


def pictures(path: Path) -> list[Any]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def test_picture_and_sound_with_the_actions_of_the_file(tmp_path: Path) -> None:
    actions = tmp_path / "actions.jsonl"
    actions.write_text(
        '{"t": 0.5, "buttons": ["right", "jump"]}\n{"t": 0.75, "buttons": ["left"]}\n'
    )
    out = tmp_path / "out.mp4"
    args = ("--world", "probe", "--seconds", "1.05", "--actions", str(actions), "--out", str(out))
    command = [LIGHTCONE, "generate", *args, "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "26/26" in done.stderr
    codes = [read_frame_code(each) for each in pictures(out)]
    assert [frame for frame, _ in codes] == list(range(26))
    right_jump, left = (False, True, True, False), (True, False, False, False)
    assert [held for _, held in codes] == [(False,) * 4] * 12 + [right_jump] * 6 + [left] * 8
    with av.open(str(out)) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert samples == pytest.approx(26_000, abs=2048)


def test_a_picture_axes_and_prompts(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(picture((200, 20, 20)))
    actions = tmp_path / "actions.jsonl"
    actions.write_text(
        '{"t": 0.25, "axes": {"turn": 1.5}}\n'
        '{"t": 0.5, "prompt": "green"}\n'
        '{"t": 0.75, "prompt": "blue", "how": "blend", "chunks": 2, "axes": {}}\n'
    )
    log = tmp_path / "run.log"
    fields = {"actions": actions, "image": tmp_path / "image.png", "log": log}
    generate(replace(job(tmp_path / "out.mp4"), **fields))
    shown = pictures(tmp_path / "out.mp4")
    grounds = [read_ground(each) for each in shown]
    assert grounds[:12] == ["red"] * 12
    assert grounds[12:18] == ["green"] * 6
    assert grounds[20:] == ["blue"] * 6
    axes = [read_axis(each) for each in shown]
    expected = [0.0] * 6 + [1.5] * 12 + [0.0] * 8
    assert axes == pytest.approx(expected, abs=0.1)
    read = read_log(log)
    assert [e.frame for e in read.entries if isinstance(e, LoggedPrompt)] == [12, 18]
    found = replay(read, ReplaySettings())
    assert (found.chunks, found.equal) == (13, 13)


@pytest.mark.parametrize(
    ("world", "seconds", "frames", "rate"),
    [
        ("probe-long", 2.5, 40, None),
        ("probe-35", 1.0, 35, 44_100),
        ("probe-60", 0.5, 30, 48_000),
        ("probe-text", 0.5, 12, 24_000),
    ],
)
def test_any_frame_rate_sample_rate_and_chunk_length(
    tmp_path: Path, world: str, seconds: float, frames: int, rate: int | None
) -> None:
    out, log = tmp_path / "out.mp4", tmp_path / "run.log"
    generate(Job(out, world, seconds=seconds, scale=1, log=log))
    with av.open(str(out)) as file:
        assert [stream.type for stream in file.streams] == ["video", *(["audio"] if rate else [])]
        assert file.streams.video[0].average_rate == frames / seconds
        if rate:
            assert file.streams.audio[0].rate == rate
    assert [read_frame_code(each)[0] for each in pictures(out)] == list(range(frames))
    read = read_log(log)
    found = replay(read, ReplaySettings())
    assert found.chunks == found.equal > 0


def test_it_goes_on_from_a_snapshot(tmp_path: Path) -> None:
    model = ProbeModel(0)
    state = model.start("probe", 7, model.prepare("probe", "blue"))
    for _ in range(5):
        [state], _ = collect(model, [state], [model.worlds["probe"].actions(["left"])])
    (tmp_path / "snapshot").write_bytes(pack(model.snapshot(state)))
    actions = tmp_path / "actions.jsonl"
    actions.write_text('{"t": 0.25, "buttons": ["jump"]}')
    log, out = tmp_path / "run.log", tmp_path / "out.mp4"
    start = {"world": None, "seconds": 0.5, "snapshot": tmp_path / "snapshot"}
    generate(replace(job(out), **start, actions=actions, log=log))
    codes = [read_frame_code(each) for each in pictures(out)]
    assert [frame for frame, _ in codes] == list(range(10, 22))
    assert [held[2] for _, held in codes] == [False] * 6 + [True] * 6
    assert read_ground(pictures(out)[0]) == "blue"
    found = replay(read_log(log), ReplaySettings())
    assert (found.chunks, found.equal) == (6, 6)


def test_prompts_that_the_world_does_not_take_are_found_before_anything_is_written(
    tmp_path: Path,
) -> None:
    actions = tmp_path / "actions.jsonl"
    actions.write_text('\n{"t": 0, "prompt": "red"}\n{"t": 9, "prompt": "moon", "how": "blend"}\n')
    with pytest.raises(ActionsFileError, match=r"actions\.jsonl:3: unknown words .* moon"):
        generate(replace(job(tmp_path / "out.mp4"), actions=actions, log=tmp_path / "run.log"))
    assert list(tmp_path.iterdir()) == [actions]


def test_what_fails_half_way_leaves_the_old_files_alone(tmp_path: Path) -> None:
    class Breaking(ProbeModel):
        def step(self, states: Any, actions: Any, emit: Any, steps: int | None = None) -> Any:
            if states[0].chunk == 5:
                raise RuntimeError("half way")
            return super().step(states, actions, emit, steps)

    out, log = tmp_path / "out.mp4", tmp_path / "run.log"
    for path in (out, log):
        path.write_text("old")
    with pytest.raises(RuntimeError, match="half way"):
        write(Breaking(0), Beginning("probe", 7), replace(job(out), log=log), Timeline())
    assert out.read_text() == log.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [out, log]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": -1.0}, "seconds"),
        ({"world": "court"}, "no weights"),
        ({"world": "atlantis"}, "unknown world"),
        ({"world": "probe-image"}, "needs an image"),
        ({"out": Path("/no/such/folder/out.mp4")}, "can not write"),
        ({"log": Path("/no/such/folder/run.log")}, "can not write"),
        ({"actions": Path("/no/such/file")}, "No such file"),
        ({"image": Path("/no/such/file")}, "/no/such/file: No such file"),
        ({"image": Path(__file__)}, "neither PNG nor JPEG"),
        ({"snapshot": Path("/no/such/file")}, "/no/such/file: No such file"),
        ({"snapshot": Path(__file__)}, "this is no snapshot"),
        ({"snapshot": Path(__file__), "prompt": "red"}, "has its prompt and image already"),
        ({"prompt": "red moon"}, "unknown words in the prompt: moon"),
    ],
)
def test_what_can_not_be_done_is_refused(tmp_path: Path, fields: dict[str, Any], text: str) -> None:
    with pytest.raises((LightconeError, ModelError), match=text):
        generate(replace(job(tmp_path / "out.mp4"), **fields))
    assert list(tmp_path.iterdir()) == []


def test_a_snapshot_of_another_world_or_of_other_weights(tmp_path: Path) -> None:
    path, out = tmp_path / "snapshot", tmp_path / "out.mp4"
    model = open_model(("probe",), ModelSettings())
    snapshot = model.snapshot(model.start("probe", 0, model.prepare("probe")))
    path.write_bytes(pack(snapshot))
    with pytest.raises(ModelError, match="a snapshot of probe, not of probe-60"):
        generate(replace(job(out), world="probe-60", snapshot=path))
    path.write_bytes(pack(replace(snapshot, fingerprint="other")))
    with pytest.raises(ModelError, match="another model"):
        generate(replace(job(out), snapshot=path))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="snapshot: the snapshot is damaged"):
        generate(replace(job(out), snapshot=path))
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(LightconeError, match="it is a folder"):
        generate(job(tmp_path))
