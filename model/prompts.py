"""What a prompt asks of a world: words as attributes of its grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.interface import PromptError
from model.simulators import open_simulator

Values = tuple[int, ...]
"""The value of each attribute, an index into its words; -1 where none applies."""


@dataclass(frozen=True)
class Grammar:
    """What can be said about a world.

    `words` are those of each attribute, `known` all words of prompts and captions. Attributes
    in `appearance` say how things look and sound; those in `held` are part of what is the case
    for as long as a world runs. Both can change while it runs; the others only tell how it
    begins.
    """

    words: Mapping[str, tuple[str, ...]]
    known: tuple[str, ...]
    appearance: frozenset[str]
    held: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.words)

    @property
    def changeable(self) -> frozenset[str]:
        return self.appearance | self.held

    def asked(self, prompt: str, begun: bool) -> dict[str, int]:
        """The attributes that a prompt names, and the value of each.

        A word that fits several attributes goes to the first that is not named yet ("red against
        blue"). Raises PromptError for words that are not known or, in a world that has `begun`,
        can not be followed any more.
        """
        said = prompt.lower().replace(",", " ").split()
        unknown = [word for word in said if word not in self.known]
        if unknown:
            raise PromptError(unknown, self.known)
        named: dict[str, int] = {}
        late: list[str] = []
        for word in said:
            fitting = [name for name, values in self.words.items() if word in values]
            usable = [name for name in fitting if not begun or name in self.changeable]
            if fitting and not usable:
                late.append(word)
            elif usable:
                name = next((n for n in usable if n not in named), usable[0])
                named[name] = self.words[name].index(word)
        if late:
            usable_words = [w for n in self.names if n in self.changeable for w in self.words[n]]
            raise PromptError(late, tuple(dict.fromkeys(usable_words)))
        return named

    def with_asked(self, values: Values, asked: Mapping[str, int]) -> Values:
        return tuple(asked.get(n, v) for n, v in zip(self.names, values, strict=True))

    def said(self, values: Sequence[int]) -> list[str | None]:
        """What the model is told of values: a word, or none, for each attribute of appearance."""
        return [
            self.words[name][value] if value >= 0 else None
            for name, value in zip(self.names, values, strict=True)
            if name in self.appearance
        ]

    def fit(self, values: Sequence[int], asked: Mapping[str, int]) -> int:
        """How many of the asked attributes, other than those of appearance, are as asked."""
        now = dict(zip(self.names, values, strict=True))
        return sum(now[n] == v for n, v in asked.items() if n not in self.appearance)


def grammar(world: str) -> Grammar:
    """Of a world that has a simulator. Raises UnknownWorld."""
    simulator = open_simulator(world)
    words = simulator.WORDS
    return Grammar(
        words, simulator.INFO.words, frozenset(simulator.SEEN), frozenset(simulator.HELD)
    )
