"""Agents, and a short drive through the client."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from lightcone.bench.cli import main
from lightcone.bench.driving.agents import AGENTS, GoBack, Hold, Move, RunBack, Save, Say
from lightcone.client.messages import LiveWorld, Welcome, decode
from lightcone.model.families.probe.variants import PROBE, PROBE_60
from lightcone.model.interface import WorldInfo
from lightcone.server.control import protocol
from lightcone.server.control.describe import describe


def live(info: WorldInfo) -> LiveWorld:
    described = describe("id", info, 30.0, play_recorded=False, consent="")
    sent = protocol.Welcome(version=3, role="driver", seat="s", resume="", session=described)
    read = decode(protocol.encode(sent))
    assert isinstance(read, Welcome)
    return read.session


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("info", [PROBE, PROBE_60], ids=["words", "no-words"])
def test_agents_do_what_the_world_has(agent: str, info: WorldInfo) -> None:
    world = live(info)
    moves = [*islice(AGENTS[agent](world, 7), 400)]
    assert moves == [*islice(AGENTS[agent](world, 7), 400)]
    kinds: set[type[Move]] = {type(move) for move in moves}
    assert kinds == {Hold, GoBack, RunBack, Save} | ({Say} if info.words else set())
    for move in moves:
        match move:
            case Hold(seconds, buttons, axes):
                assert 0 < seconds <= 1
                assert set(buttons) <= {button.name for button in info.buttons}
                assert all(axis.low <= axes.get(axis.name, 0.0) <= axis.high for axis in info.axes)
            case Say(text):
                assert text in info.words
            case _:
                pass
    held = {name for move in moves if isinstance(move, Hold) for name in move.buttons}
    assert held == {button.name for button in info.buttons}


@pytest.mark.parametrize("agent", AGENTS)
def test_a_short_drive(agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--world", "probe", "--serve", "--probe-compute-ms 2 --min-rate 1"]
    assert main(["drive", "--agent", agent, "--minutes", "0.15", "--json", *flags]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["moves"]["hold"] > 0
    assert found["input_to_receipt_ms"]["n"] == found["moves"]["hold"]
    assert found["pictures"] > 0
    assert found["connections_lost"] == 0
    assert set(found["resident_mb_at_end"]) == {"client", "server", "model"}
    assert not set(found["refused"]) - {"too-far-back", "rewind_failed"}


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drive", "--url", "http://127.0.0.1:9"]) == 1
    assert "lightcone: the agent could not go on: no answer from" in capsys.readouterr().err
