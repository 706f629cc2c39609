"""docs/protocol.md names every code that clients get."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from lightcone.server.control.protocol import CloseCode, ErrorCode, TransportCloseCode
from lightcone.server.http.problems import ProblemCode

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


@pytest.mark.parametrize("code", [*get_args(ErrorCode), *get_args(ProblemCode)])
def test_errors_and_problems_are_documented(code: str) -> None:
    assert f"`{code}`" in PROTOCOL


@pytest.mark.parametrize("code", [*get_args(CloseCode), *get_args(TransportCloseCode)])
def test_close_codes_are_documented(code: int) -> None:
    assert f"\n| {code} | " in PROTOCOL
