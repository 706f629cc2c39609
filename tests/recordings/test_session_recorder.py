"""What is recorded while somebody plays."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_episodes import INFO, actions, pictures, sound

from lightcone.model.interface import Chunk, EpisodeStart
from lightcone.model.recordings.scan import Recordings, scan
from lightcone.model.recordings.session import Played, SessionRecorder
from lightcone.model.recordings.writer import EpisodeWriter

WORLD = replace(INFO, name="env:games/meadow")
CHUNK = 5  # frames


def recorder(folder: Path) -> SessionRecorder:
    return SessionRecorder(folder, "ann", WORLD, consent="given")


def played(first: int, start: tuple[int, int] | None = None, text: str = "") -> Played:
    """A chunk of a session that shows `pictures` and sounds as `sound`, frame by frame. `start`:
    the frame with which an episode begins, and its seed. `text`: all prompts so far."""
    heard = sound(200)
    assert heard is not None
    begin, end = WORLD.samples(0, first), WORLD.samples(0, first + CHUNK)
    starts = None if start is None else EpisodeStart(*start)
    chunk = Chunk(first, pictures(200)[first : first + CHUNK], heard[begin:end], starts)
    return Played(chunk, actions(200)[first : first + CHUNK], text)


def lengths(found: Recordings) -> list[int]:
    return [len(episode) for episode in found.episodes]


def test_a_session_is_recorded_by_episodes(tmp_path: Path) -> None:
    taking = recorder(tmp_path)
    starts = {0: (0, 100), 10: (13, 101), 20: (20, 102)}
    for first in range(0, 25, CHUNK):
        taking.take(played(first, starts.get(first)))
    taking.close()
    found = scan(tmp_path, whole=True)
    assert not found.left_out
    assert lengths(found) == [13, 7, 5]
    metas = [episode.meta for episode in found.episodes]
    assert [meta.seed for meta in metas] == [100, 101, 102]
    assert [meta.ended for meta in metas] == [True, True, False]
    assert {meta.info.name for meta in metas} == {"meadow"}
    assert {meta.source for meta in metas} == {"env:games/meadow, played by person"}
    assert {meta.consent for meta in metas} == {"given"}
    np.testing.assert_array_equal(
        np.concatenate([episode.actions for episode in found.episodes]), actions(200)[:25]
    )
    first = found.episodes[0].sound()
    np.testing.assert_array_equal(first, sound(13))  # type: ignore[arg-type]


def test_a_session_that_was_rewound_begins_another_episode(tmp_path: Path) -> None:
    taking = recorder(tmp_path)
    for first in (0, 5, 10, 5, 10, 0):
        taking.take(played(first, (0, 100) if first == 0 else None))
    taking.close()
    found = scan(tmp_path)
    assert lengths(found) == [15, 10, 5]
    assert [episode.meta.seed for episode in found.episodes] == [100, None, 100]


def test_an_episode_has_the_prompts_of_its_frames(tmp_path: Path) -> None:
    taking = recorder(tmp_path)
    taking.take(played(0))
    for first, text in ((5, "day"), (10, "day"), (15, "day; rain"), (10, "day")):
        taking.take(played(first, text=text))
    taking.take(played(15, (17, 101), text="night"))
    taking.take(played(0))
    taking.close()
    texts = [episode.meta.text for episode in scan(tmp_path, whole=True).episodes]
    rewound = ((0, "day"), (5, "night"))
    assert texts == [((5, "day"), (15, "day; rain")), rewound, ((0, "night"),), ()]


def test_a_recorder_that_does_not_keep_up_keeps_what_it_took(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    write = EpisodeWriter.write

    def slow(self: EpisodeWriter, *args: Any) -> None:
        released.wait()
        write(self, *args)

    monkeypatch.setattr(EpisodeWriter, "write", slow)
    taking = SessionRecorder(tmp_path, "ann", WORLD, most_waiting=2)
    for first in range(0, 50, CHUNK):
        taking.take(played(first))
    released.set()
    taking.close()
    [record] = caplog.records
    assert record.message == "the recording of ann ends: the disk or the encoder does not keep up"
    [kept] = lengths(scan(tmp_path, whole=True))
    assert kept in (2 * CHUNK, 3 * CHUNK)  # one more where the thread had begun with the first


def test_a_session_of_which_nothing_is_seen_leaves_nothing(tmp_path: Path) -> None:
    recorder(tmp_path).close()
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fails_does_not_disturb_the_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    taking = recorder(tmp_path / "file")
    for first in (0, 5, 10):
        taking.take(played(first))
    taking.close()
    taking.take(played(15))
    [record] = caplog.records
    assert "the recording of ann ends" in record.message
    assert "cannot be written: Not a directory" in record.message
