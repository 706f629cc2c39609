from __future__ import annotations

import pytest

from lightcone.model.families.probe.variants import PROBE
from lightcone.server.control.input_gate import InputGate
from lightcone.server.control.protocol import Input, ProtocolError


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (Input(seq=9, t=0, buttons=["fly", "left"]), "unknown_button", "fly"),
        (Input(seq=9, t=0, buttons=[], axes={"roll": 0.5}), "unknown_axis", "roll"),
        (Input(seq=9, t=0, buttons=[], axes={"turn": 3.1}), "invalid", "axes.turn"),
        (Input(seq=9, t=0, buttons=[], axes={"turn": -3.1}), "invalid", "-3.1 is not from -3"),
        (Input(seq=5, t=0, buttons=[]), "stale_sequence", "5 is not after 5"),
        (Input(seq=4, t=0, buttons=[]), "stale_sequence", "4 is not after 5"),
    ],
)
def test_what_is_refused_changes_nothing(message: Input, code: str, text: str) -> None:
    gate = InputGate(PROBE)
    gate.check(Input(seq=5, t=0, buttons=["left"]))
    with pytest.raises(ProtocolError, match=text) as refused:
        gate.check(message)
    assert refused.value.code == code
    gate.check(Input(seq=6, t=0, buttons=["left"], axes={"turn": 3.0}))


def test_prompts_share_the_sequence() -> None:
    gate = InputGate(PROBE)
    gate.take_number(0)
    with pytest.raises(ProtocolError):
        gate.check(Input(seq=0, t=0, buttons=[]))
    gate.check(Input(seq=1, t=0, buttons=[]))
