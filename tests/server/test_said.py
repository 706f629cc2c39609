from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.families.staged.prompts import grammar
from lightcone.server.control.protocol import MAX_PROMPT
from lightcone.server.sessions.prompt_history import and_then

COURT = grammar("court")


def test_texts_in_their_order_each_once() -> None:
    assert and_then("", "red") == "red"
    assert and_then("red", "") == "red"
    assert and_then("red against blue", "night, rain") == "red against blue; night, rain"
    assert and_then("red; green; blue", "green") == "red; blue; green"


def test_what_was_said_first_is_forgotten() -> None:
    said = and_then(and_then("night", "x" * 490), "rain")
    assert said == "x" * 490 + "; rain"
    assert and_then(said, "y" * MAX_PROMPT) == "y" * MAX_PROMPT


texts = st.lists(st.sampled_from(COURT.changing), max_size=4).map(" ".join)


@given(st.lists(texts, max_size=8))
def test_beginning_with_all_that_was_said_asks_for_what_is_so_now(prompts: list[str]) -> None:
    said, now = "", dict[str, int]()
    for prompt in prompts:
        said = and_then(said, prompt)
        now |= COURT.asked(prompt, begun=True)
    assert COURT.asked(said, begun=False) == now
