"""Replay: a session computed again from its log is equal to the bit, whatever was beside it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from some_pictures import picture
from typer.testing import CliRunner

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.probe.model import ProbeModel
from lightcone.model.interface import Model, UnsupportedSetting, WeightsError
from lightcone.model.runtime.snapshot import pack
from lightcone.model.runtime.threads import threads_used
from lightcone.server.cli.main import app
from lightcone.server.cli.replay import ReplaySettings, compare, replay
from lightcone.server.pictures.own import decode_own
from lightcone.server.sessions.action_log import (
    ActionLog,
    LogError,
    LoggedChunk,
    LogStart,
    LogWriter,
    Shape,
    control_names,
    encode_png,
    parse_log,
)


class Played:
    """A session in row 1 of batches of 3, as a worker would run it, with its log."""

    def __init__(self, model: Model, world: str, prompt: str = "", image: Any = None) -> None:
        self.model, self.info = model, model.worlds[world]
        conditioning = model.prepare(world, prompt, image)
        self.state: Any = model.start(world, 7, conditioning)
        self.kept: dict[int, Any] = {0: self.state}
        # the others are at the same place, and are played in otherwise
        self._others = [model.start(world, seed, conditioning) for seed in (1, 2)]
        self._beside = {0: self._others}
        self._file = io.BytesIO()
        self.shape = Shape(batch=3, row=1, threads=threads_used(), steps=model.steps[0])
        self.log = LogWriter(
            self._file,
            LogStart(
                world=world,
                seed=7,
                fingerprint=model.fingerprint,
                fps=self.info.fps,
                controls=control_names(self.info),
                prompt=prompt,
                image=None if image is None else encode_png(image),
                steps=model.steps[0],
                threads=threads_used(),
            ),
        )

    def play(self, chunks: int, *held: str) -> Played:
        for _ in range(chunks):
            frames = self.info.frames_of(self.state.chunk)
            actions = self.info.actions(held, frames=frames)
            rest = self.info.actions([], frames=frames)
            states = [self._others[0], self.state, self._others[1]]
            first, after, last = self.model.step(
                states, [rest, actions, actions], lambda row, part: None
            )
            self.log.chunk(self.state.frame, actions, self.shape, self.model.digest(after))
            self.state, self._others = after, [first, last]
            self.kept[after.frame], self._beside[after.frame] = after, self._others
        return self

    def prompt(self, text: str, how: Any = "cut") -> Played:
        conditioning = self.model.prepare(self.info.name, text, running=True)
        self.state, _ = self.model.apply(self.state, conditioning, how, 3)
        self.log.prompt(self.state.frame, text, how, 3)
        return self

    def rewind(self, frame: int, crash: bool = False) -> Played:
        self.state, self._others = self.kept[frame], self._beside[frame]
        (self.log.restored if crash else self.log.rewind)(frame)
        return self

    def read(self) -> ActionLog:
        return parse_log(self._file.getvalue() + self.log.last_line())


def equal(model: Model, log: ActionLog, in_batch: int | None = None) -> list[bool]:
    return [equal for _, _, equal in compare(model, log, in_batch)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights for small worlds."""
    from small_worlds import small_weights  # loads torch

    folder = tmp_path_factory.mktemp("weights")
    small_weights().save(folder)
    return folder


@pytest.fixture(scope="module", params=["court", "corridors", "probe", "probe-long", "probe-60"])
def opened(request: pytest.FixtureRequest, weights: Path) -> tuple[Model, str]:
    """A model, and a world of it."""
    settings = ModelSettings(weights, probe_compute_ms=0)
    return open_model((request.param,), settings), request.param


def test_a_session_is_equal_to_the_bit_whatever_is_beside_it(opened: tuple[Model, str]) -> None:
    model, world = opened
    button = model.worlds[world].buttons[0].name
    played = Played(model, world).play(4).play(2, button)
    middle = played.state.frame
    played.play(3, button).rewind(middle).play(2).rewind(middle, crash=True).play(3, button)
    log = played.read()
    assert equal(model, log) == [True] * 14


def test_prompts_of_every_kind_and_rewinds_across_them(weights: Path) -> None:
    for world, one, two in (("court", "night", "day"), ("probe", "green", "blue")):
        model = open_model((world,), ModelSettings(weights, probe_compute_ms=0))
        played = Played(model, world, one).play(3)
        before = played.state.frame
        played.prompt(two, "blend").play(2).prompt(one).play(2).prompt(two, "recache").play(2)
        # the prompt at this frame is not part of the state that is gone back to
        played.rewind(before).play(2)
        assert equal(model, played.read()) == [True] * 11


def test_an_image_is_part_of_the_start() -> None:
    model = ProbeModel(0)
    image = decode_own(picture((200, 20, 20)), 128, 96)
    log = Played(model, "probe-image", image=image).play(3).read()
    assert equal(model, log) == [True] * 3
    other = encode_png(np.full_like(image, 9))
    assert equal(model, replace(log, start=replace(log.start, image=other))) == [False] * 3
    with pytest.raises(LogError, match="the image of the log can not be read"):
        equal(model, replace(log, start=replace(log.start, image=b"?")))


def test_a_log_can_begin_from_a_snapshot(opened: tuple[Model, str]) -> None:
    model, world = opened
    played = Played(model, world).play(3)
    start, first = played.read().start, played.state
    file = io.BytesIO()
    snapshot = pack(model.snapshot(first))
    writer = LogWriter(file, replace(start, seed=None, snapshot=snapshot, frame=first.frame))
    played.log = writer
    played.play(2).rewind(first.frame).play(3)
    log = parse_log(file.getvalue() + writer.last_line())
    assert equal(model, log) == [True] * 5


def test_a_log_can_go_back_to_before_its_start_with_a_snapshot() -> None:
    model = ProbeModel(0)
    played = Played(model, "probe").play(2)
    before = played.state
    played.play(2).rewind(0).play(1)
    played.log.rewind(4, pack(model.snapshot(before)))
    assert played.log.first_frame == 0
    played.state = before
    assert equal(model, played.play(2).read()) == [True] * 7


def test_the_first_chunk_that_differs_is_named(weights: Path, tmp_path: Path) -> None:
    model = open_model(("court",), ModelSettings(weights))
    played = Played(model, "court").play(3)
    actions = model.worlds["court"].actions([])
    played.log.chunk(played.state.frame, actions, played.shape, bytes(16))
    log = played.read()
    found = replay(log, ReplaySettings(weights))
    assert (found.chunks, found.equal, found.first_unequal) == (4, 3, (4, 6))
    assert found.batches == {3: 4}
    path = tmp_path / "run.log"
    path.write_bytes(played._file.getvalue() + played.log.last_line())
    run = CliRunner().invoke(app, ["replay", str(path), "--json", "--weights", str(weights)])
    assert run.exit_code == 1
    assert json.loads(run.stdout)["equal"] == 3
    assert "chunk 4 (frame 6) is the first" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


def test_another_batch_than_the_logged_one_can_be_asked_for() -> None:
    model = ProbeModel(0)
    log = Played(model, "probe").play(3).read()
    assert [shape.batch for _, shape, _ in compare(model, log, 1)] == [1] * 3


def test_what_does_not_fit_is_refused_by_name(weights: Path) -> None:
    model = ProbeModel(0)
    log = Played(model, "probe").play(2).read()
    settings = ReplaySettings(weights)

    def of(**fields: Any) -> ActionLog:
        return replace(log, start=replace(log.start, **fields))

    with pytest.raises(WeightsError, match="fingerprint other, not probe-1"):
        replay(of(fingerprint="other"), settings)
    with pytest.raises(LogError, match="the log has the controls up; probe has left"):
        replay(of(controls=("up",)), settings)
    with pytest.raises(LogError, match="the log is at 25 fps; probe is at 24"):
        replay(of(fps=25), settings)
    with pytest.raises(LogError, match="begins at frame 6, its session at 0"):
        replay(of(frame=6), settings)
    [first, *_] = log.entries
    assert isinstance(first, LoggedChunk)
    long = replace(first, actions=np.zeros((5, 5), np.float32))
    with pytest.raises(LogError, match="the chunk at frame 0 has 5 frames, not 2"):
        replay(replace(log, entries=(long,)), settings)
    other = replace(first, shape=replace(first.shape, steps=9))
    with pytest.raises(UnsupportedSetting):
        replay(replace(log, entries=(other,)), settings)
