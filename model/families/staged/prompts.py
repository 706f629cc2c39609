"""What a prompt asks of a world: words as attributes of its grammar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lightcone.model.families.staged.definition import Settle, definition
from lightcone.model.interface import (
    PROMPT_BREAK,
    PromptError,
)

Values = tuple[int, ...]
"""The value of each attribute, an index into its words; -1 where none applies."""


@dataclass(frozen=True)
class Grammar:
    """What prompts of a world can name.

    `words` are those of each attribute, `nouns` give the attribute of the word before them
    ("white board"), `known` all words of prompts and captions, `changing`
    those of them that a running world can follow. Attributes in `appearance` set how things look
    and sound; those in `held` are among the facts for as long as a session runs. Both can
    change while it runs; the others only set how it begins. `settle` gives values that can be
    had together.
    """

    words: Mapping[str, tuple[str, ...]]
    nouns: Mapping[str, str]
    known: tuple[str, ...]
    changing: tuple[str, ...]
    appearance: frozenset[str]
    held: frozenset[str]
    settle: Settle

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.words)

    @property
    def changeable(self) -> frozenset[str]:
        return self.appearance | self.held

    def asked(self, prompt: str, begun: bool) -> dict[str, int]:
        """The attributes that a prompt names, and the value of each.

        A word that fits several attributes goes to the first that is not named yet ("red against
        blue") in the same text. Raises PromptError for words that are not known or, in a world
        that has `begun`, can not be followed any more, and for those that do not go with the
        noun after them ("red board").
        """
        known = self.changing if begun else self.known
        clauses = [
            [clause.split() for clause in text.split(",")]
            for text in prompt.lower().split(PROMPT_BREAK)
        ]
        unknown = [w for text in clauses for words in text for w in words if w not in known]
        unknown += [wrong for text in clauses for words in text for wrong in self._wrong(words)]
        if unknown:
            raise PromptError(unknown, known)
        texts = [[word for words in text for word in words] for text in clauses]
        names = [name for name in self.names if not begun or name in self.changeable]
        asked: dict[str, int] = {}
        for text in texts:
            asked |= self._named(text, names)
        return asked

    def _wrong(self, clause: Sequence[str]) -> list[str]:
        """Words that do not go with the noun after them, and the noun."""
        named = {word for values in self.words.values() for word in values}
        return [
            f"{word} {noun}"
            for word, noun in pairwise(clause)
            if noun in self.nouns and word in named and word not in self.words[self.nouns[noun]]
        ]

    def _named(self, text: Sequence[str], names: Sequence[str]) -> dict[str, int]:
        named: dict[str, int] = {}
        for word in text:
            if fitting := [name for name in names if word in self.words[name]]:
                name = next((n for n in fitting if n not in named), fitting[0])
                named[name] = self.words[name].index(word)
        return named

    def settled(self, values: Values, asked: Mapping[str, int]) -> Values:
        """`values` with what is asked, and with what has to go with it."""
        now = {**dict(zip(self.names, values, strict=True)), **asked}
        return tuple(self.settle(now, asked)[n] for n in self.names)

    def words_of(self, values: Sequence[int]) -> list[str | None]:
        """The text encoder's input: for each attribute of appearance a word or none."""
        return [
            self.words[name][value] if value >= 0 else None
            for name, value in zip(self.names, values, strict=True)
            if name in self.appearance
        ]

    def fit(self, values: Values, asked: Mapping[str, int]) -> int:
        """How many attributes, other than those of appearance, are as asked in a moment of these
        values, or are not asked."""
        names, settled = self.names, self.settled(values, asked)
        pairs = zip(names, values, settled, strict=True)
        return sum(now == then for n, now, then in pairs if n not in self.appearance)


def grammar(world: str) -> Grammar:
    """Raises UnknownWorld."""
    d = definition(world)
    return Grammar(
        d.words,
        d.nouns,
        d.info.words,
        d.info.changing_words,
        frozenset(d.seen),
        frozenset(d.held),
        d.settle,
    )
