"""What a world has been told since it began, as one prompt."""

from __future__ import annotations

from lightcone.model.interface import PROMPT_BREAK
from lightcone.server.control.protocol import MAX_PROMPT


def and_then(said: str, text: str) -> str:
    """A prompt that a world can begin with, to look as one that was told `said` and then `text`.
    Where that is too long, what was said first is forgotten."""
    new = _texts(text)
    # said again, a text undoes all that its first time did
    texts = [old for old in _texts(said) if old not in new] + new
    while len(whole := f"{PROMPT_BREAK} ".join(texts)) > MAX_PROMPT:
        del texts[0]
    return whole


def _texts(prompt: str) -> list[str]:
    return [text.strip() for text in prompt.split(PROMPT_BREAK) if text.strip()]
