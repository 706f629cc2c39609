from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.families.probe.variants import PROBE, PROBE_TEXT
from lightcone.model.families.staged.prompts import grammar
from lightcone.server.sessions.prompt_history import and_then

COURT = grammar("court")
INFO = replace(PROBE, words=tuple(COURT.words))


def test_texts_in_their_order_each_once() -> None:
    assert and_then("", "red", INFO) == "red"
    assert and_then("red", "", INFO) == "red"
    assert and_then("red against blue", "night, rain", INFO) == "red against blue; night, rain"
    assert and_then("red; green; blue", "green", INFO) == "red; blue; green"


def test_the_oldest_is_left_out() -> None:
    long = and_then(and_then("night", "x" * 490, INFO), "rain", INFO)
    assert long == "x" * 490 + "; rain"
    longest = "y" * INFO.prompt_length
    assert and_then(long, longest, INFO) == longest


def test_free_text_replaces_what_was_before() -> None:
    assert and_then("a forest; at night", "a beach", PROBE_TEXT) == "a beach"
    assert and_then("a forest", " ", PROBE_TEXT) == "a forest"


texts = st.lists(st.sampled_from(COURT.changing), max_size=4).map(" ".join)


@given(st.lists(texts, max_size=8))
def test_to_start_with_all_prompts_asks_for_what_holds_now(prompts: list[str]) -> None:
    history, now = "", dict[str, int]()
    for prompt in prompts:
        history = and_then(history, prompt, INFO)
        now |= COURT.asked(prompt, begun=True)
    assert COURT.asked(history, begun=False) == now
