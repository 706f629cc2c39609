"""Keys: Windows' numbers as W3C codes, and codes for controls that name no key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lightcone.model.interface import Button, ModelError

# https://learn.microsoft.com/windows/win32/inputdev/virtual-key-codes to
# https://www.w3.org/TR/uievents-code/, for a keyboard with US layout
W3C_CODES: dict[int, str] = {
    0x08: "Backspace", 0x09: "Tab", 0x0D: "Enter", 0x10: "ShiftLeft", 0x11: "ControlLeft",
    0x12: "AltLeft", 0x13: "Pause", 0x14: "CapsLock", 0x1B: "Escape", 0x20: "Space",
    0x21: "PageUp", 0x22: "PageDown", 0x23: "End", 0x24: "Home", 0x25: "ArrowLeft",
    0x26: "ArrowUp", 0x27: "ArrowRight", 0x28: "ArrowDown", 0x2D: "Insert", 0x2E: "Delete",
    **{0x30 + n: f"Digit{n}" for n in range(10)},
    **{0x41 + n: f"Key{chr(0x41 + n)}" for n in range(26)},
    0x5B: "MetaLeft", 0x5C: "MetaRight", 0x5D: "ContextMenu",
    **{0x60 + n: f"Numpad{n}" for n in range(10)},
    0x6A: "NumpadMultiply", 0x6B: "NumpadAdd", 0x6D: "NumpadSubtract", 0x6E: "NumpadDecimal",
    0x6F: "NumpadDivide",
    **{0x6F + n: f"F{n}" for n in range(1, 13)},
    0x90: "NumLock", 0x91: "ScrollLock", 0xA0: "ShiftLeft", 0xA1: "ShiftRight",
    0xA2: "ControlLeft", 0xA3: "ControlRight", 0xA4: "AltLeft", 0xA5: "AltRight",
    0xBA: "Semicolon", 0xBB: "Equal", 0xBC: "Comma", 0xBD: "Minus", 0xBE: "Period",
    0xBF: "Slash", 0xC0: "Backquote", 0xDB: "BracketLeft", 0xDC: "Backslash",
    0xDD: "BracketRight", 0xDE: "Quote",
}  # fmt: skip
MOUSE_BUTTONS: dict[int, str] = {
    0x01: "mouse_left", 0x02: "mouse_right", 0x04: "mouse_middle", 0x05: "mouse_back",
    0x06: "mouse_forward",
}  # fmt: skip
_KNOWN = frozenset(W3C_CODES.values())
_LIKELY: dict[str, tuple[str, ...]] = {
    "left": ("ArrowLeft", "KeyA"),
    "right": ("ArrowRight", "KeyD"),
    "up": ("ArrowUp",),
    "down": ("ArrowDown",),
    "forward": ("KeyW", "ArrowUp"),
    "backward": ("KeyS", "ArrowDown"),
    "back": ("KeyS", "ArrowDown"),
    "jump": ("Space",),
    "attack": ("Space", "ControlLeft"),
    "fire": ("Space", "ControlLeft"),
    "mouse_left": ("Space", "ControlLeft", "Enter"),
    "mouse_right": ("AltLeft", "ShiftRight"),
}
_FREE = (
    *(f"Digit{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)),
    *(f"Key{letter}" for letter in "FGHZXVBNUIOPKLERTYQCMJSWAD"),
)


def buttons_of(names: Sequence[str]) -> tuple[Button, ...]:
    """Buttons of these names, each with a key of its own: the one that it names, one that is
    likely, or one that is free. Raises ModelError where keys do not suffice."""
    named = {name: _code(name) for name in names}
    taken = {code for code in named.values() if code}
    buttons = []
    for name in names:
        code = named[name]
        if not code:
            code = next((key for key in _candidates(name) if key not in taken), "")
            if not code:
                raise ModelError(f"there are {len(names)} buttons, for which keys do not suffice")
            taken.add(code)
        buttons.append(Button(name, name.replace("_", " ").capitalize(), (code,)))
    return tuple(buttons)


def _code(name: str) -> str:
    """That a name is, or says: "KeyW", "key_w" and "w" are "KeyW"."""
    for candidate in (name, f"Key{name.removeprefix('key_').upper()}", name.capitalize()):
        if candidate in _KNOWN:
            return candidate
    return ""


def _candidates(name: str) -> Iterable[str]:
    yield from _LIKELY.get(name, ())
    yield from _FREE
