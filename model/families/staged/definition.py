"""What each staged world is to those who play it, without torch: the words and controls that its
model, its simulator and the server share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from types import MappingProxyType
from typing import cast

from lightcone.model.families.staged.network.config import DEFAULT_SIZE, PictureSize
from lightcone.model.families.staged.rates import FPS, FRAMES, SAMPLE_RATE
from lightcone.model.families.staged.shared.words import all_go_together, changing_words
from lightcone.model.interface import Axis, Button, UnknownWorld, WorldInfo

WORLDS = ("court", "pond", "corridors")
NO_NOUNS: Mapping[str, str] = MappingProxyType({})

Settle = Callable[[Mapping[str, int], Mapping[str, int]], dict[str, int]]
"""(values of all attributes, those of them that were asked for) -> values that can be had
together, of which as many are as asked as can be."""


@dataclass(frozen=True)
class Definition:
    """Prompts set attributes; `words` are the values of each, and `nouns` name the attribute that
    the word before a noun sets ("white board"). Attributes in `seen` decide how things look and
    sound, those in `held` stand as facts while a world runs; both can change then. `contacts` are
    the kinds of contacts, `moments` the times within a frame at which they can be."""

    info: WorldInfo
    words: Mapping[str, tuple[str, ...]]
    nouns: Mapping[str, str]
    seen: tuple[str, ...]
    held: tuple[str, ...]
    contacts: tuple[str, ...]
    moments: int
    settle: Settle

    def shown_at(self, size: PictureSize) -> WorldInfo:
        """Its properties with pictures of that size."""
        return replace(self.info, width=size.width, height=size.height)


def definition(world: str) -> Definition:
    """Raises UnknownWorld."""
    if world not in WORLDS:
        raise UnknownWorld(f"unknown staged world '{world}' (known: {', '.join(WORLDS)})")
    module = import_module(f"lightcone.model.families.staged.{world}.definition")
    return cast(Definition, module.DEFINITION)


def define(
    *,
    name: str,
    title: str,
    description: str,
    buttons: tuple[Button, ...],
    axes: tuple[Axis, ...] = (),
    known: tuple[str, ...],
    words: Mapping[str, tuple[str, ...]],
    nouns: Mapping[str, str] = NO_NOUNS,
    seen: tuple[str, ...],
    held: tuple[str, ...] = (),
    contacts: tuple[str, ...],
    moments: int,
    settle: Settle = all_go_together,
) -> Definition:
    """A staged world at the default size; `known` are all words of its prompts and captions."""
    info = WorldInfo(
        name=name,
        title=title,
        description=description,
        width=DEFAULT_SIZE.width,
        height=DEFAULT_SIZE.height,
        buttons=buttons,
        axes=axes,
        fps=FPS,
        sample_rate=SAMPLE_RATE,
        chunk_frames=(FRAMES,),
        prompt="grammar",
        words=known,
        changing_words=changing_words(known, words, seen + held),
        image="optional",
    )
    return Definition(info, words, nouns, seen, held, contacts, moments, settle)
