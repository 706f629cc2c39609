"""`lightcone data preview` as one calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightcone.model.evaluation import preview
from lightcone.model.simulators.catalogue import SIMULATED

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("world", SIMULATED)
def test_a_page_of_clips_is_written(world: str, tmp_path: Path) -> None:
    out = tmp_path / "preview.png"
    flags = ["--world", world, "--seeds", "0:2", "--seconds", "0.5", "--columns", "4"]
    assert preview.main([*flags, "--out", str(out)]) == 0
    assert out.read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--world", "probe"], 1, "has no simulator"),
        (["--seeds", "0", "--seconds", "0.1", "--out", "no/such/folder/x.png"], 1, "no/such"),
        (["--seeds", "0", "--seconds", "0.1", "--out", "x.nothing"], 1, "nothing"),
        (["--seconds", "0"], 2, "a frame or more"),
        (["--seeds", "x"], 2, "no list or range"),
    ],
)
def test_what_can_not_be_shown_is_named(
    flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        preview.main(flags)
    assert stopped.value.code == code
    assert message in capsys.readouterr().err
