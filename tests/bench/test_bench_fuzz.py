"""Ten thousand damaged messages for each reader: each is taken, or refused by name."""

from __future__ import annotations

from argparse import Namespace

import pytest

from lightcone.bench.errors import BenchError
from lightcone.bench.fuzz import command

MESSAGES = 10_000

pytest.importorskip("atheris")


def test_every_reader_takes_or_refuses_by_name() -> None:
    report = command.run(Namespace(messages=MESSAGES, seed=0))["readers"]
    for found in report.values():
        assert found["taken"] + sum(found["refused"].values()) == MESSAGES
        assert found["taken"] > 0
    assert {"malformed", "invalid", "unknown_button", "unknown_axis"} <= set(
        report["control"]["refused"]
    )
    assert set(report["offer"]["refused"]) == {"BadOffer", "OfferTooLarge"}
    assert set(report["snapshot"]["refused"]) == {"SnapshotError"}


def test_a_defect_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "READERS", ("moon",))
    with pytest.raises(BenchError, match=r"moon has a defect: .*KeyError"):
        command.run(Namespace(messages=10, seed=0))
