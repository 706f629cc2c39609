"""Prompts of worlds whose recordings had text: a choice of the words that were used there."""

from __future__ import annotations

from dataclasses import dataclass

from lightcone.model.interface import PromptError, WorldInfo


@dataclass(frozen=True)
class Conditioning:
    world: str
    running: bool
    words: tuple[str, ...]


def words_in(text: str) -> list[str]:
    """Of a prompt, or of a text of recordings."""
    return text.lower().replace(",", " ").replace(";", " ").split()


def words_of(info: WorldInfo, prompt: str) -> tuple[str, ...]:
    """Raises PromptError for words that the recordings did not have."""
    if len(prompt) > info.prompt_length:
        reason = f"a prompt has at most {info.prompt_length} characters, not {len(prompt)}"
        raise PromptError((), info.words, reason)
    words = tuple(dict.fromkeys(words_in(prompt)))
    if words and not info.words:
        raise PromptError((), (), f"{info.name} takes no prompt")
    unknown = [word for word in words if word not in info.words]
    if unknown:
        raise PromptError(unknown, info.words)
    return words
