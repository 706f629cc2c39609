"""What is recorded while somebody plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_episodes import INFO, actions, pictures, sound

from lightcone.model.interface import Chunk
from lightcone.model.recordings.scan import Recordings, scan
from lightcone.model.recordings.session import Played, SessionRecorder

WORLD = replace(INFO, name="env:games/meadow")
CHUNK = 5  # frames


def recorder(folder: Path) -> SessionRecorder:
    return SessionRecorder(folder, "ann", WORLD, lambda episode: 100 + episode, consent="given")


def chunk(first: int) -> Chunk:
    """Of a session that shows `pictures` and sounds as `sound`, frame by frame."""
    heard = sound(200)
    assert heard is not None
    begin, end = WORLD.samples(0, first), WORLD.samples(0, first + CHUNK)
    return Chunk(first, pictures(200)[first : first + CHUNK], heard[begin:end])


def played(first: int, begun: int | None = None) -> Played:
    return Played(chunk(first), actions(200)[first : first + CHUNK], begun)


def lengths(found: Recordings) -> list[int]:
    return [len(episode) for episode in found.episodes]


def test_a_session_is_recorded_by_episodes(tmp_path: Path) -> None:
    taking = recorder(tmp_path)
    for part in (played(0), played(5), played(10, begun=3), played(15), played(20, begun=0)):
        taking.take(part)
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
    for first in (0, 5, 10, 5, 10):
        taking.take(played(first))
    taking.close()
    assert lengths(scan(tmp_path)) == [15, 10]


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
