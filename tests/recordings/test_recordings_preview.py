"""`lightcone data preview --recordings` as one calls it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_episodes import INFO, write

from lightcone.model.evaluation import preview
from lightcone.model.interface import WorldInfo


@pytest.mark.parametrize("info", [INFO, replace(INFO, sample_rate=None)])
def test_a_page_of_episodes_is_written(
    tmp_path: Path, info: WorldInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write(tmp_path / "in", f"{number}", info=info, names=("health",))
    (tmp_path / "in" / "3.part").mkdir()
    out = tmp_path / "preview.png"
    flags = ["--recordings", str(tmp_path / "in"), "--columns", "4", "--seconds", "0.5"]
    assert preview.main([*flags, "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "3 episodes, 60 frames" in (printed := capsys.readouterr().out)
    assert "1 left out (3.part: was not finished)" in printed


def test_an_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        preview.main(["--recordings", str(tmp_path)])
    assert stopped.value.code == 1
    assert "holds no whole episode" in capsys.readouterr().err
