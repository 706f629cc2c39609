"""`lightcone train avdit`: from play to weights that can be served, stopped and gone on with."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_avdit import CONFIG, INFO, NUMBERS, encoded, source, transformer, weights

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.families.avdit.weights import Weights
from lightcone.model.interface import Chunk, ModelError
from lightcone.model.recordings.format import EpisodeMeta
from lightcone.model.recordings.writer import EpisodeWriter
from lightcone.model.runtime.checkpoint import read
from lightcone.model.training.avdit import kept
from lightcone.model.training.avdit import train as training
from lightcone.model.training.avdit.beginning import trained_before
from lightcone.model.training.avdit.budget import Budget, Point, run
from lightcone.model.training.avdit.clips import ClipSampler
from lightcone.model.training.avdit.emphasis import Emphasis
from lightcone.model.training.avdit.latents import EncodedPlay
from lightcone.model.training.avdit.made import MadePool
from lightcone.model.training.avdit.objective import Objective, loss
from lightcone.model.training.avdit.shapes import shapes
from lightcone.model.training.avdit.source import Source, TrainingError, open_source
from lightcone.model.training.avdit.transformer import Recipe, train_transformer
from lightcone.model.training.parallel import Group


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> EncodedPlay:
    return encoded(tmp_path_factory.mktemp("latents"))


def test_play_is_encoded_in_chunks_of_all_modalities(play: EncodedPlay) -> None:
    assert len(play) == 10 + 22  # 41 and 90 frames
    assert play.picture.shape == (32, 8, 4, 8)
    assert play.sound.shape == (32, 4, 4)
    assert play.numbers.shape == (32, 4, 3)
    assert play.episode.tolist() == [0] * 10 + [1] * 22
    assert play.text[0].tolist() == [1, 0]
    assert play.text[5].tolist() == [0, 1]
    episode = source().episodes[1]
    assert np.array_equal(play.actions[10:].reshape(-1, 3), episode.actions[:88])


def test_encoding_goes_on_where_it_was_and_begins_anew_for_other_play(tmp_path: Path) -> None:
    first = encoded(tmp_path)
    done = tmp_path / "done.json"
    state = json.loads(done.read_text())
    done.write_text(json.dumps({**state, "episodes": 1}))
    array = np.load(tmp_path / "picture.npy", mmap_mode="r+")
    array[0] = 7
    array[12] = 7
    array.flush()
    again = encoded(tmp_path)
    assert (again.picture[0] == 7).all()  # of an episode that was done
    assert (
        np.array_equal(again.picture[12], first.picture[12]) or not (again.picture[12] == 7).all()
    )
    wider = encoded(tmp_path, config=replace(CONFIG, width=64, window=9))
    assert (wider.picture[0] == 7).all()
    anew = encoded(tmp_path, "other")
    assert not (anew.picture[0] == 7).all()


def test_clips_are_consecutive_and_know_what_was_before(play: EncodedPlay) -> None:
    sampler = ClipSampler(play, CONFIG, seed=0)
    for _ in range(20):
        clips = sampler.batch(2, 5)
        assert clips.clean.picture.shape == (2, 5, 8, 4, 8)
        ends = clips.clean.last(CONFIG)
        torch.testing.assert_close(clips.before.picture[:, 2:], ends.picture[:, 1:-1])
        torch.testing.assert_close(clips.before.numbers[:, 2:], ends.numbers[:, 1:-1])


def test_errors_count_more_where_something_changes_or_something_rare_has_been() -> None:
    emphasis = Emphasis.unfitted(CONFIG)
    torch.manual_seed(0)
    before = 0.5 * torch.randn(1, 1, CONFIG.channels, CONFIG.rows, CONFIG.columns)

    def weights(picture: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        found = emphasis.weights(picture, before)
        assert found.mean() == pytest.approx(1)
        first: torch.Tensor = found.unflatten(2, (CONFIG.latents, -1))[0, 0, 0, 0]
        return first

    still = before.repeat(1, 1, CONFIG.latents, 1, 1)
    assert (weights(still, before) == 1).all()
    appears = still.clone()
    appears[..., 2, 5] = 3.0
    assert weights(appears, before).argmax() == 2 * CONFIG.columns + 5
    rare = before.clone()
    rare[..., 2, 5] = 3.0
    there = weights(rare.repeat(1, 1, CONFIG.latents, 1, 1), rare)
    assert there[2, 5] == there[2, 3] > 5 * there[2, 1]


@pytest.mark.parametrize("own_passes", [0, 1, 3])
def test_the_loss_falls(play: EncodedPlay, own_passes: int) -> None:
    torch.manual_seed(0)
    model = Transformer(CONFIG)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    sampler = ClipSampler(play, CONFIG, seed=0)
    generator = torch.Generator().manual_seed(0)
    emphasis = Emphasis.unfitted(CONFIG)
    losses = []
    for _ in range(60):
        value, figures = loss(
            model, CONFIG, sampler.batch(4, 5), emphasis, Objective(), generator, own_passes
        )
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
        assert {"picture", "sound", "numbers"} <= set(figures)
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])


@pytest.mark.usefixtures("in_bfloat16")
def test_a_transformer_is_trained_in_bfloat16(play: EncodedPlay, tmp_path: Path) -> None:
    recipe = Recipe(batch=2, chunks=4, rollout=1.0, rollout_from=0.5)
    model, path = transformer().requires_grad_(True), tmp_path / "transformer.pt"
    assert train_transformer(
        model, ClipSampler(play, CONFIG, seed=0), Emphasis.unfitted(CONFIG), path, Budget(steps=4),
        recipe, torch.device("cpu"), Group(), 0, tmp_path / "loss.jsonl",
    )  # fmt: skip
    averages = read(path)["ema"]
    assert {value.dtype for value in averages.values()} == {torch.float32}
    assert any(
        not value.equal(averages[name]) for name, value in transformer().state_dict().items()
    )


def test_latents_for_the_decoder_lie_beside_their_frames(play: EncodedPlay, tmp_path: Path) -> None:
    model = transformer()
    generator = torch.Generator().manual_seed(0)

    def pool(made_with: str) -> MadePool:
        return MadePool(model, made_with, play, source(), 20, tmp_path, seed=1)

    made = pool("one")
    latents, video = made.pairs(2, generator)
    assert latents.shape == (4, CONFIG.channels, CONFIG.rows, CONFIG.columns)
    assert video.shape == (4, 3 * CONFIG.group, INFO.height, INFO.width)
    pairs = np.load(tmp_path / "made_frames.npy").reshape(len(made) // 2, 2 * CONFIG.group, -1)
    shown = {
        episode.frames()[start : start + 2 * CONFIG.group].tobytes()
        for episode in source().episodes
        for start in range(0, len(episode), CONFIG.group)
    }
    assert all(pair.tobytes() in shown for pair in pairs)
    first = np.load(tmp_path / "made_latents.npy")
    assert np.isfinite(first).all()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.01)
    pool("one")
    assert np.array_equal(first, np.load(tmp_path / "made_latents.npy"))
    pool("two")
    assert not np.array_equal(first, np.load(tmp_path / "made_latents.npy"))


def test_shapes_fit_the_recordings() -> None:
    doom = shapes(replace(INFO, width=256, height=192), "small", Numbers(), 0)
    assert (doom[0].rows, doom[0].columns, doom[0].patch, doom[1].fine) == (24, 32, 4, 1)
    large = shapes(replace(INFO, width=512, height=384), "small", Numbers(), 0)
    assert (large[0].rows, large[0].columns, large[0].patch, large[1].fine) == (24, 32, 2, 2)
    assert doom[0].picture_tokens == 48
    config, _video, sound = shapes(INFO, "tiny", NUMBERS, 0)
    assert (config.rows, config.columns, config.frames) == (4, 8, 4)
    assert sound is not None
    assert config.sound_latents * sound.samples == 2520
    assert config.window * config.frames / INFO.fps >= 4
    silent = shapes(replace(INFO, sample_rate=None, fps=16), "tiny", Numbers(), 0)
    assert silent[2] is None
    assert silent[0].sound_latents == 0
    assert silent[1].frames == 1
    with pytest.raises(TrainingError, match="multiples of 32"):
        shapes(replace(INFO, width=100), "tiny", Numbers(), 0)
    with pytest.raises(TrainingError, match="no whole number of samples"):
        shapes(replace(INFO, sample_rate=22_051), "tiny", Numbers(), 0)


def test_numbers_that_stand_still_are_left_out_and_angles_are_continuous() -> None:
    state = np.array([[1, 0, 5], [2, 359, 5], [3, 1, 5]], np.float32)
    numbers = Numbers.fit([state], ("ammo", "angle", "constant"))
    assert numbers.names == ("ammo", "angle")
    assert numbers.count == 3
    encoded = numbers.encode(state, ("ammo", "angle", "constant"))
    assert abs(encoded[1, 1:] - encoded[2, 1:]).max() < 0.1
    assert encoded[:, 0].mean() == pytest.approx(0, abs=1e-6)


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    saved: list[int] = []

    def advance(point: Point) -> dict[str, float]:
        return {"loss": float("nan") if point.step == 3 else 1.0}

    with pytest.raises(TrainingError, match="not finite at step 3"):
        run("stage", advance, lambda step, _: saved.append(step), Budget(steps=9), quiet=True)
    assert saved == []


def test_the_learning_rate_warms_up_and_falls_to_nothing() -> None:
    assert Point(0, 0.0).rate == pytest.approx(0.01)
    assert Point(500, 0.5).rate == 1.0
    assert Point(500, 1.0).rate < 0.02
    assert Budget(seconds=10).progress(5, 5.0) == 0.5
    assert Budget(seconds=10, steps=5).progress(5, 5.0) == 1.0


def recordings(folder: Path, lengths: tuple[int, ...] = (60, 80)) -> Path:
    for i, (episode, length) in enumerate(zip(source(lengths).episodes, lengths, strict=True)):
        meta = EpisodeMeta(INFO, length, "made up", state=("health", "angle"))
        state = np.ascontiguousarray(episode.state[:, :2])
        with EpisodeWriter(folder, f"{i}", meta) as writer:
            writer.write(episode.frames(), episode.sound(), episode.actions, state)
            writer.close()
        assert length == len(episode)
    return folder


def arguments(folder: Path, out: Path, *more: str) -> argparse.Namespace:
    flags = ["--recordings", str(folder), "--out", str(out), "--size", "tiny", "--chunks", "6"]
    given = [*flags, "--batch", "2", "--threads", "1", *more]
    return training.parser().parse_args(given, argparse.Namespace(given=given))


def test_from_recordings_to_a_world_that_steps(tmp_path: Path) -> None:
    folder, out = recordings(tmp_path / "play"), tmp_path / "run"
    assert training.train(arguments(folder, out, "--minutes", "0.02", "--steps", "2"))
    steps = torch.load(out / "transformer.pt", weights_only=True)["step"]
    model = open_model(("tiny",), ModelSettings(weights=out / "weights"))
    state = model.start("tiny", 0, model.prepare("tiny"))
    shown: list[Chunk] = []
    model.step([state], [INFO.actions([], frames=4)], lambda row, part: shown.append(part))
    assert shown[0].frames.shape == (4, 32, 64, 3)
    assert "transformer" in (out / "loss.html").read_text() or steps < 1
    (out / kept.EPISODES).write_text("1")  # however many can be encoded in time now
    assert training.train(arguments(folder, out, "--minutes", "1", "--steps", str(steps + 2)))
    assert torch.load(out / "transformer.pt", weights_only=True)["step"] == steps + 2
    assert not (out / kept.DECODER).exists()
    used = Weights.load(out / "weights").trained["hours of play"] * 3600
    assert used < sum(map(len, open_source(folder).episodes)) / INFO.fps - 1
    again = ("--minutes", "0.5", "--steps", str(steps + 2), "--critic")
    assert training.train(arguments(folder, out, *again))
    drawn = torch.load(out / kept.DECODER, weights_only=True)["codec"]
    served = Weights.load(out / "weights").picture.state_dict()
    torch.testing.assert_close(
        served["decode_plainly.weight"], drawn["decode_plainly.weight"], atol=1e-3, rtol=1e-2
    )


def test_a_training_begins_with_weights_and_keeps_their_codecs(tmp_path: Path) -> None:
    before = weights()
    before.save(tmp_path / "before")
    folder, out = recordings(tmp_path / "play"), tmp_path / "run"
    base = ("--start-from", str(tmp_path / "before"))
    assert training.train(arguments(folder, out, *base, "--minutes", "0.05", "--steps", "1"))
    after = Weights.load(out / "weights")
    assert after.transformer.config == before.transformer.config
    assert after.numbers == before.numbers
    kept = after.picture.state_dict()
    for name, value in before.picture.state_dict().items():
        if not name.startswith("decode"):
            torch.testing.assert_close(kept[name], value.half().float())
    assert after.trained["from"] == before.trained
    assert "--start-from" in after.trained["command"]
    assert training.train(arguments(folder, out, *base, "--minutes", "1", "--steps", "2"))
    assert Weights.load(out / "weights").trained["steps"] == 2


def test_weights_of_other_recordings_are_no_beginning(tmp_path: Path) -> None:
    weights().save(tmp_path / "before")

    def refused(change: Callable[[Source], Source], match: str) -> None:
        with pytest.raises(TrainingError, match=match):
            trained_before(tmp_path / "before", change(source()))

    def other(**changes: Any) -> Callable[[Source], Source]:
        return lambda s: replace(s, info=replace(s.info, **changes))

    refused(other(width=128), "other pictures: 64x32 at 35 fps, not 128x32 at 35 fps")
    refused(other(sample_rate=None), "other sound: 22050 Hz, not none")
    refused(other(axes=()), "other controls: left, fire, turn, not left, fire")
    refused(lambda s: replace(s, numbers=("health",)), "lack numbers of it: angle")
    refused(lambda s: replace(s, texts=[((0, "green"),)] * 2), "words beside its own: green")


def test_a_dry_run_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert training.train(arguments(recordings(tmp_path / "play"), out, "--dry-run"))
    lines = capsys.readouterr().out.splitlines()
    assert "140 frames" in lines[0]
    assert lines[1].startswith("chunk: 4 frames")
    assert lines[2].startswith("transformer: ")
    assert "s a step of 2 clips of 6 chunks" in lines[3]
    assert not out.exists()


def test_bad_recordings_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    flags = ["--recordings", str(tmp_path / "empty"), "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as error:
        training.main([*flags, "--steps", "1"])
    assert error.value.code == 1
    assert "holds no whole episode" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        training.main(flags)
    assert "--minutes, --hours or --steps" in capsys.readouterr().err
    with pytest.raises(ModelError):
        training.train(arguments(tmp_path / "nowhere", tmp_path / "run", "--steps", "1"))
