"""Words that all worlds share, which of them running worlds can follow, and which go together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

TIMES = ("day", "dusk", "night")
WEATHERS = ("clear", "rain", "fog")
STYLES = ("painted", "ink", "pixel")
MUSIC = ("silent", "music")


def changing_words(
    known: Sequence[str], words: Mapping[str, Sequence[str]], changing: Collection[str]
) -> tuple[str, ...]:
    """Of the `known` words, those of a prompt that a running world can follow, which changes in
    the attributes `changing` of `words` alone; and words of no attribute, which change nothing."""
    late = {word for name, values in words.items() if name not in changing for word in values}
    usable = {word for name in changing for word in words[name]}
    return tuple(word for word in known if word in usable or word not in late)


def all_go_together(values: Mapping[str, int], asked: Mapping[str, int]) -> dict[str, int]:
    """What settles prompts where any value of one attribute goes with any of another."""
    return dict(values)
