"""All prompts that a session has had, as one prompt."""

from __future__ import annotations

from lightcone.model.interface import PROMPT_BREAK, WorldInfo


def and_then(before: str, text: str, info: WorldInfo) -> str:
    """A prompt that another session can start with, to look as one that had `before` and then
    `text`. In a grammar what `text` does not name stays; where the whole is too long, the oldest
    part is left out. Free text replaces what was before."""
    if info.prompt != "grammar":
        return text.strip() or before
    new = _texts(text)
    # repeated later, a text undoes all that its first time did
    texts = [old for old in _texts(before) if old not in new] + new
    while len(whole := f"{PROMPT_BREAK} ".join(texts)) > info.prompt_length:
        del texts[0]
    return whole


def _texts(prompt: str) -> list[str]:
    return [text.strip() for text in prompt.split(PROMPT_BREAK) if text.strip()]
