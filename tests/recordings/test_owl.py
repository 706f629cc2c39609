"""Sessions of OWL Control."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_episodes import decibels, pictures

from lightcone.model.recordings.exchange import importer
from lightcone.model.recordings.exchange.importing import Wishes
from lightcone.model.recordings.exchange.owl import held_in, import_owl, moves_of, read_log
from lightcone.model.recordings.format import BrokenEpisode, NoRecordings
from lightcone.model.recordings.media import PictureWriter
from lightcone.model.recordings.scan import scan

HEAD = "timestamp,event_type,event_args\n"
SESSION = (
    HEAD
    + '1000.0,START,"{"inputs":{"keyboard":[65],"mouse":[]}}"\n'
    + '1000.5,VIDEO_START,"[]"\n'
    + '1000.55,KEYBOARD,"[65,false]"\n'
    + '1000.62,KEYBOARD,"[87,true]"\n'
    + '1000.64,KEYBOARD,"[87,true]"\n'  # repeated while it is held
    + '1000.71,MOUSE_MOVE,"[10,-4]"\n'
    + '1000.74,MOUSE_MOVE,"[2,0]"\n'
    + '1000.81,MOUSE_BUTTON,"[1,true]"\n'
    + '1000.82,MOUSE_BUTTON,"[1,false]"\n'
    + '1000.83,GAMEPAD_AXIS,"[1,0.5]"\n'
    + '1000.92,KEYBOARD,"[87,false]"\n'
    + '1001.5,VIDEO_END,"[]"\n'
    + '1001.6,END,"[]"\n'
)


def video(path: Path, frames: int, fps: int = 60) -> None:
    writer = PictureWriter(path, 64, 48, fps)
    for picture in pictures(frames):
        writer.write(picture)
    writer.close()


def session(folder: Path, inputs: str = SESSION, frames: int = 60) -> None:
    folder.mkdir(parents=True)
    (folder / "inputs.csv").write_text(inputs)
    (folder / "metadata.json").write_text(json.dumps({"game_exe": "doom.exe"}))
    video(folder / "recording.mp4", frames)


def test_a_log_is_what_was_held_in_each_frame() -> None:
    log = read_log(SESSION)
    assert log.end == pytest.approx(1.0)
    held = held_in(log, ["KeyA", "KeyW", "mouse_left"], 10, 10)
    assert held[:, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert held[:, 1].tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    assert held[:, 2].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]  # shorter than a frame
    moves = moves_of(log, 10, 10)
    assert moves[2].tolist() == [12, -4, 0]
    assert np.abs(moves).sum() == 16
    assert log.gamepad == 1


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from([65, 87]), st.booleans())))
def test_no_order_of_events_breaks_a_log(events: list[tuple[float, int, bool]]) -> None:
    text = HEAD + '0,START,"[]"\n'
    for time, key, down in sorted(events):
        text += f'{time},KEYBOARD,"[{key},{str(down).lower()}]"\n'
    held = held_in(read_log(text), ["KeyA", "KeyW"], 20, 60)
    assert np.isin(held, (0, 1)).all()
    last = {key: (time, down) for time, key, down in sorted(events)}
    for column, key in enumerate((65, 87)):
        if key not in last:
            assert not held[:, column].any()
        elif last[key][1] and last[key][0] < 2.9:
            assert held[-1, column] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "inputs.csv has no events"),
        (HEAD + '1,KEYBOARD,"[65,tr"\n', "inputs.csv, line 2"),
        (HEAD + "soon,START,[]\n", "inputs.csv, line 2: could not convert"),
    ],
)
def test_a_damaged_log_is_named(text: str, message: str) -> None:
    with pytest.raises(BrokenEpisode, match=message):
        read_log(text)


def test_sessions_are_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session(tmp_path / "in/a")
    session(tmp_path / "in/b/c", frames=30)
    session(tmp_path / "in/broken", HEAD)
    flags = ["owl", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--fps", "20"]
    assert importer.main([*flags, "--world", "doom"]) == 0
    printed = capsys.readouterr().out
    assert "broken: inputs.csv has no events" in printed
    assert "2 events of gamepads were left out" in printed
    first, second = scan(tmp_path / "out", whole=True).episodes
    info = first.meta.info
    assert (len(first), len(second), info.name, info.fps) == (20, 10, "doom", 20)
    assert info.sample_rate is None
    assert {b.name: b.keys for b in info.buttons} == {
        "KeyA": ("KeyA",), "KeyW": ("KeyW",), "mouse_left": ("Space",)
    }  # fmt: skip
    assert [(a.name, a.low, a.high, a.mouse) for a in info.axes] == [
        ("mouse_x", -12, 12, "x"), ("mouse_y", -4, 4, "y")
    ]  # fmt: skip
    assert first.actions[4].tolist() == [0, 1, 0, 12, -4]
    assert decibels(first.frames(), pictures(60)[::3]) > 36
    assert first.meta.source == "OWL Control, doom.exe, played by a person"


def with_sound(path: Path, seconds: float) -> None:
    """A video of 30 frames a second and a tone of 48 kHz."""
    with av.open(str(path), "w") as container:
        shown = container.add_stream("libx264", rate=30)
        shown.width, shown.height, shown.pix_fmt = 64, 48, "yuv420p"
        heard = container.add_stream("aac", rate=48_000, layout="stereo")
        for picture in pictures(int(seconds * 30)):
            container.mux(shown.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        time = np.arange(int(seconds * 48_000)) / 48_000
        tone = np.tile(0.3 * np.sin(2 * np.pi * 500 * time), (2, 1)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(tone, "fltp", "stereo")
        frame.sample_rate = 48_000
        container.mux(heard.encode(frame))
        container.mux(shown.encode(None))
        container.mux(heard.encode(None))


def test_sound_is_taken_over(tmp_path: Path) -> None:
    session(tmp_path / "in/a")
    (tmp_path / "in/a/recording.mp4").unlink()
    with_sound(tmp_path / "in/a/recording.mp4", 1.0)
    import_owl(tmp_path / "in", tmp_path / "out", Wishes("doom"), 20)
    [episode] = scan(tmp_path / "out", whole=True).episodes
    heard = episode.sound()
    assert heard is not None
    assert heard.shape == (24_000,)
    spectrum = np.abs(np.fft.rfft(heard[6000:18_000]))
    assert spectrum.argmax() == 250  # 500 Hz in half a second
    assert 0.2 < episode.meta.peak < 0.4


def test_a_folder_without_sessions_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoRecordings, match=r"holds no whole session of OWL Control .empty."):
        import_owl(tmp_path, tmp_path / "out", Wishes("doom"))
    session(tmp_path / "bad", HEAD)
    with pytest.raises(NoRecordings, match=r"OWL Control \(bad: inputs.csv has no events\)"):
        import_owl(tmp_path, tmp_path / "out", Wishes("doom"))
