from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.interface import (
    Axis,
    Button,
    WorldInfo,
)
from lightcone.server.cli.actions_file import (
    ActionsFileError,
    Line,
    NewPrompt,
    Timeline,
    parse_actions,
    read_actions,
)

BUTTONS = ("left", "right", "jump")
WORLD = WorldInfo(
    "w",
    "W",
    "d",
    16,
    8,
    tuple(Button(name, name, ()) for name in BUTTONS),
    axes=(Axis("turn", "Turn", -3.0, 3.0),),
)
FILE = Path("keys.jsonl")


def test_lines_are_held_until_the_next() -> None:
    text = '{"t": 0, "buttons": []}\n\n{"t": 1.25, "buttons": ["right", "jump"]}\r\n'
    timeline = parse_actions(text, WORLD, FILE)
    assert timeline == Timeline((Line(0.0, frozenset()), Line(1.25, frozenset({"right", "jump"}))))
    assert timeline.held(29, 24) == frozenset()
    assert timeline.held(30, 24) == {"right", "jump"}
    assert timeline.held(10**6, 24) == {"right", "jump"}


def test_nothing_is_held_before_the_first_line() -> None:
    assert parse_actions('{"t": 1, "buttons": ["left"]}', WORLD, FILE).held(23, 24) == set()
    assert Timeline().held(0, 24) == set()


def test_a_tap_shorter_than_a_frame_is_held_for_one_frame() -> None:
    text = '{"t": 1.01, "buttons": ["jump"]}\n{"t": 1.02, "buttons": []}'
    timeline = parse_actions(text, WORLD, FILE)
    assert [timeline.held(frame, 24) for frame in (24, 25, 26)] == [set(), {"jump"}, set()]


def test_axes_and_prompts_go_their_own_way() -> None:
    text = """{"t": 1, "axes": {"turn": 0.5}}
{"t": 1, "buttons": ["left"]}
{"t": 2, "prompt": "night", "how": "blend", "chunks": 24}
{"t": 3, "buttons": [], "axes": {}, "prompt": ""}"""
    timeline = parse_actions(text, WORLD, FILE)
    assert [dict(timeline.axes(frame, 24)) for frame in (23, 24, 71, 72)] == [
        {},
        {"turn": 0.5},
        {"turn": 0.5},
        {},
    ]
    assert [timeline.held(frame, 24) for frame in (24, 71, 73)] == [{"left"}, {"left"}, set()]
    night = NewPrompt("night", "blend", 24)
    assert timeline.prompts_until(47, 24) == []
    assert timeline.prompts_until(48, 24) == [night]
    assert timeline.prompts_until(99, 24) == [night, NewPrompt("")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "expected an object"),
        ("3", "expected an object"),
        ('{"buttons": []}', "t must be a number"),
        ('{"t": "1", "buttons": []}', "t must be a number"),
        ('{"t": true, "buttons": []}', "t must be a number"),
        ('{"t": -0.5, "buttons": []}', "t must be from 0"),
        ('{"t": NaN, "buttons": []}', "t must be from 0"),
        ('{"t": Infinity, "buttons": []}', "t must be from 0"),
        (f'{{"t": {10**400}, "buttons": []}}', "t must be from 0"),
        ('{"t": 0.5, "buttons": []}', "before the line above"),
        ('{"t": 2}', "expected buttons, axes or a prompt"),
        ('{"t": 2, "buttons": null}', "buttons must be a list"),
        ('{"t": 2, "axes": []}', "axes must be an object"),
        ('{"t": 2, "axes": {"turn": "1"}}', "axes must be an object"),
        ('{"t": 2, "axes": {"roll": 1}}', "unknown axis 'roll' (known: turn)"),
        ('{"t": 2, "axes": {"turn": 3.5}}', "axis turn must be from -3 to 3"),
        ('{"t": 2, "axes": {"turn": NaN}}', "axis turn must be from -3 to 3"),
        ('{"t": 2, "prompt": 1}', "prompt must be a text"),
        ('{"t": 2, "prompt": "night", "how": "fade"}', "how must be one of cut, blend, recache"),
        ('{"t": 2, "prompt": "night", "chunks": 0}', "chunks must be a whole number"),
        ('{"t": 2, "buttons": [], "how": "cut"}', "how without a prompt"),
        ('{"t": 2, "buttons": "left"}', "buttons must be a list"),
        ('{"t": 2, "buttons": [1]}', "buttons must be a list"),
        ('{"t": 2, "buttons": ["fly"]}', "unknown button 'fly'"),
        ('{"t": 2, "buttons": [], "hold": 1}', "unknown member 'hold'"),
    ],
)
def test_errors_name_the_line(line: str, reason: str) -> None:
    with pytest.raises(ActionsFileError, match=r"keys\.jsonl:2: ") as error:
        parse_actions(f'{{"t": 1, "buttons": []}}\n{line}\n', WORLD, FILE)
    assert error.value.line == 2
    assert reason in error.value.reason


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ActionsFileError, match="No such file"):
        read_actions(tmp_path / "none", WORLD)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ActionsFileError, match="not UTF-8"):
        read_actions(tmp_path / "binary", WORLD)


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(ActionsFileError):
        assert len(parse_actions(text, WORLD, FILE).lines) <= text.count("\n") + 1


@given(
    st.lists(st.tuples(st.floats(0, 100), st.sets(st.sampled_from(BUTTONS))), max_size=20).map(
        lambda lines: sorted(lines, key=lambda line: line[0])
    )
)
def test_what_is_written_is_read(lines: list[tuple[float, set[str]]]) -> None:
    text = "\n".join(json.dumps({"t": t, "buttons": sorted(held)}) for t, held in lines)
    timeline = parse_actions(text, WORLD, FILE)
    assert timeline.lines == tuple(Line(t, frozenset(held)) for t, held in lines)
