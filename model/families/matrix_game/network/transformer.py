"""The transformer of the wan family without text: it attends to the first picture, whose latents
are also joined to the noisy ones, and its first layers take the actions."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from lightcone.model.families.matrix_game.network.actions import ActionModel
from lightcone.model.families.matrix_game.network.cache import ActedCache
from lightcone.model.families.matrix_game.network.config import MatrixGameConfig
from lightcone.model.families.wan.network.config import WanConfig
from lightcone.model.families.wan.network.transformer import Backbone, Block, Context, CrossKeys


class ActingBlock(Block):
    def __init__(self, c: MatrixGameConfig) -> None:
        super().__init__(c)
        self.action_model = ActionModel(c)

    def acted(self, x: Tensor, context: Context, layer: int) -> Tensor:
        out: Tensor = self.action_model(x, cast(ActedCache, context).actions, layer)
        return out


class PictureEmbedding(nn.Module):
    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            nn.LayerNorm(features),
            nn.Linear(features, features),
            nn.GELU(),
            nn.Linear(features, width),
            nn.LayerNorm(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.proj(x)
        return out


class MatrixGameTransformer(Backbone):
    """Latents are those of the pass, then the picture's: (B, F, inputs, rows, columns)."""

    config: MatrixGameConfig
    img_emb: PictureEmbedding

    def __init__(self, config: MatrixGameConfig) -> None:
        super().__init__(config, img_emb=PictureEmbedding(config.text_width, config.width))

    def block(self, c: WanConfig, layer: int) -> Block:
        assert isinstance(c, MatrixGameConfig)
        return ActingBlock(c) if layer < c.acting else Block(c)

    def picture_keys(self, features: Tensor) -> CrossKeys:
        """Of a picture's features (B, text_length, text_width)."""
        return self.keys_of(self.img_emb(features))
