"""The matrix_game family behind the seam: a picture, keys and mouse become latents without end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.families.matrix_game.moves import Moves
from lightcone.model.families.matrix_game.network.config import MASK_CHANNELS
from lightcone.model.families.matrix_game.network.rows import GameRows
from lightcone.model.families.matrix_game.state import (
    GameState,
    Picture,
    from_snapshot,
    image_of,
    to_snapshot,
)
from lightcone.model.families.matrix_game.variants import REACH, GameVariant
from lightcone.model.families.matrix_game.weights import GameWeights
from lightcone.model.families.wan.base import VideoModel
from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.encoder import latents_of_picture
from lightcone.model.families.wan.state import Seen
from lightcone.model.interface import (
    Actions,
    How,
    Image,
    ImageError,
    ModelError,
    PromptError,
    Snapshot,
)


@dataclass(frozen=True)
class Conditioning:
    world: str
    picture: Picture | None  # None for a session that runs: nothing of it can change


class MatrixGameModel(VideoModel[GameWeights, GameState]):
    version = "matrix_game 2"

    @torch.inference_mode()
    def prepare(
        self, world: str, prompt: str = "", image: Image | None = None, *, running: bool = False
    ) -> Conditioning:
        weights = self.weights_of(world)
        info = weights.variant.info
        if prompt:
            raise PromptError((), (), f"'{world}' takes no prompt")
        if running:
            if image is not None:
                raise ImageError(f"'{world}' takes an image only when it starts")
            return Conditioning(world, None)
        if image is None:
            raise ImageError(f"'{world}' needs an image to start from")
        if image.shape != (info.height, info.width, 3):
            raise ImageError(f"the image is {image.shape}, not {(info.height, info.width, 3)}")
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).to(self._place.device)
        picture = (pixels.float() / 127.5 - 1).to(self._like)
        latents = latents_of_picture(weights.encoder, picture)
        features = weights.features(picture).to(self._like)
        return Conditioning(world, Picture(image, latents, features))

    @torch.inference_mode()
    def start(self, world: str, seed: int, conditioning: Conditioning) -> GameState:
        if conditioning.world != world or conditioning.picture is None:
            raise ModelError("conditioning that was prepared for something else")
        weights = self.weights_of(world)
        c = weights.variant.transformer
        nothing = self._like.new_zeros(0, c.channels, c.rows, c.columns)
        return GameState(
            world=world,
            chunk=0,
            frame=0,
            seed=seed,
            past=Past(),
            seen=Seen(nothing, nothing),
            acted=self._like.new_zeros(0, c.frames_seen, c.keys + c.mouse),
            moves=Moves.none(c, self._like),
            picture=conditioning.picture,
            tails=weights.decoder.tails(1, c.rows, c.columns),
        )

    def blank(self, world: str) -> GameState:
        info = self.weights_of(world).variant.info
        grey = np.full((info.height, info.width, 3), 128, np.uint8)
        return self.start(world, 0, self.prepare(world, image=grey))

    def apply(
        self, state: GameState, conditioning: Conditioning, how: How, chunks: int
    ) -> tuple[GameState, int]:
        """There is nothing to change."""
        if conditioning.world != state.world or conditioning.picture is not None:
            raise ModelError("conditioning that was prepared for something else")
        return state, state.frame

    def rows(
        self, states: Sequence[GameState], actions: Sequence[Actions]
    ) -> tuple[GameRows, list[GameState]]:
        weights = self.weights_of(states[0].world)
        window = weights.variant.window
        after, seen = [], []
        for state, held in zip(states, actions, strict=True):
            numbers = torch.from_numpy(numbers_of(weights.variant, held)).to(self._like)
            moves, acted = state.moves.followed_by(numbers, window.chunk)
            newest = torch.cat([state.acted, acted])[-window.size :]
            after.append(replace(state, acted=newest, moves=moves))
            seen.append(acted)
        starts = [state.chunk * window.chunk for state in states]
        return _rows(weights, states, starts, torch.stack(seen)), after

    def rows_before(self, state: GameState, past: Past, first: int) -> GameRows:
        """Among its newest latents: there is no sink."""
        weights = self.weights_of(state.world)
        chunk = weights.variant.window.chunk
        at = first - (state.chunk * chunk - len(state.acted))
        acted = state.acted[None, at : at + chunk]
        return _rows(weights, [replace(state, past=past)], [first], acted)

    def snapshot(self, state: GameState) -> Snapshot:
        return to_snapshot(state, self.fingerprint)

    def bare(self, weights: GameWeights, snapshot: Snapshot) -> GameState:
        info = weights.variant.info
        image = image_of(snapshot, (info.height, info.width, 3))
        blank = self.start(snapshot.world, 0, self.prepare(snapshot.world, image=image))
        frames = info.chunk_frames[0], info.chunk_frames[1]
        return from_snapshot(snapshot, blank, weights.variant.window, frames)


def numbers_of(variant: GameVariant, actions: Actions) -> NDArray[np.float32]:
    """What the transformer takes of actions (frames, buttons + axes): keys, then how far the view
    goes up and to the right, (frames, keys + 2)."""
    keys = actions[:, : len(variant.buttons)]
    turn, look = actions[:, len(variant.buttons) :].T
    return np.concatenate([keys, REACH * np.stack([-look, turn], 1)], 1).astype(np.float32)


def _rows(
    weights: GameWeights, states: Sequence[GameState], starts: Sequence[int], acted: Tensor
) -> GameRows:
    """`acted`: what the next latents see of the actions, (B, F, frames_seen, keys + mouse)."""
    c = weights.variant.transformer
    known = [
        _known(state.picture.latents, start, acted.shape[1])
        for state, start in zip(states, starts, strict=True)
    ]
    keys, mouse = acted.split([c.keys, c.mouse], -1)
    features = torch.stack([state.picture.features for state in states])
    return GameRows(
        [state.past for state in states],
        starts,
        weights.transformer.picture_keys(features),
        torch.stack(known),
        keys,
        mouse,
    )


def _known(latents: Tensor, start: int, count: int) -> Tensor:
    """Of the picture, for latents from `start` on: the mask, 1 for the first of the video, and its
    latents, (F, MASK_CHANNELS + C, rows, columns)."""
    at = [min(start + i, len(latents) - 1) for i in range(count)]
    chosen = torch.stack([latents[i] for i in at])
    mask = chosen.new_zeros(count, MASK_CHANNELS, *chosen.shape[2:])
    if start == 0:
        mask[0] = 1
    return torch.cat([mask, chosen], 1)
