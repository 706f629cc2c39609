"""All that is trained together: the text encoder, each world's stage, and the transformer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lightcone.model.families.staged.definition import WORLDS, definition
from lightcone.model.families.staged.network.config import TransformerConfig
from lightcone.model.families.staged.network.stage import (
    Scene,
    Stage,
)
from lightcone.model.families.staged.network.text import (
    TextEncoder,
    Vocabulary,
    vocabulary,
)
from lightcone.model.families.staged.network.transformer import Transformer


@dataclass(frozen=True)
class Knowledge:
    """The worlds that a network knows, and the words of their prompts."""

    worlds: tuple[str, ...]
    vocabulary: Vocabulary


def known_words(worlds: tuple[str, ...] = WORLDS) -> Knowledge:
    words = [definition(world).info.words for world in worlds]
    return Knowledge(worlds, vocabulary(words, worlds))


class Network(nn.Module):
    """One set of weights for all worlds."""

    def __init__(self, config: TransformerConfig, knowledge: Knowledge) -> None:
        super().__init__()
        self.config, self.knowledge = config, knowledge
        self.text = TextEncoder(len(knowledge.vocabulary.words), config.text)
        self.stages = nn.ModuleDict({w: Stage(w, config) for w in knowledge.worlds})
        self.transformer = Transformer(config)

    @property
    def worlds(self) -> tuple[str, ...]:
        return self.knowledge.worlds

    @property
    def vocabulary(self) -> Vocabulary:
        return self.knowledge.vocabulary

    @property
    def tables(self) -> list[nn.Parameter]:
        """The learned looks of all worlds, and words: of these an example reads but a little."""
        stages = [stage for stage in self.stages.values() if isinstance(stage, Stage)]
        return [*(paint for stage in stages for paint in stage.paint), self.text.alone]

    def prompt(self, words: Tensor, share: Tensor) -> Tensor:
        """Two captions (B, 2, LONGEST) and the share of the second in each chunk (B, C) ->
        (B, C, text)."""
        before, after = self.text(words.flatten(0, 1)).unflatten(0, (-1, 2)).unbind(1)
        return torch.lerp(before[:, None], after[:, None], share[..., None].to(before.dtype))

    def scene(self, world: str, facts: Tensor, text: Tensor) -> Scene:
        """`facts` (B, C, 1 + frames, COUNT), float32, of one world and prompts (B, C, text)."""
        scene: Scene = self.stages[world](facts, text)
        return scene
