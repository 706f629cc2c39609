"""The state of a session, and its way into a snapshot and back. As in the wan family a snapshot
holds the newest clean latents; keys, tails and what is known of the picture are computed anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lightcone.model.families.matrix_game.moves import Moves
from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.config import Window
from lightcone.model.families.wan.network.decoder import Tails
from lightcone.model.families.wan.state import Seen, array_of, fits, tensor_of
from lightcone.model.interface import Image, Snapshot, SnapshotError


@dataclass(frozen=True)
class Picture:
    """What a session began with: the picture itself, its latents (F, C, rows, columns), of which
    the last stands for all later ones, and its features (text_length, text_width)."""

    image: Image
    latents: Tensor
    features: Tensor


@dataclass(frozen=True)
class GameState:
    """Everything a session needs to go on; no tensor of it is ever written to. `acted`: what the
    newest latents saw of the actions, (F, frames_seen, keys + mouse)."""

    world: str
    chunk: int
    frame: int
    seed: int
    past: Past
    seen: Seen
    acted: Tensor
    moves: Moves
    picture: Picture
    tails: Tails


def to_snapshot(state: GameState, fingerprint: str) -> Snapshot:
    return Snapshot(
        world=state.world,
        fingerprint=fingerprint,
        frame=state.frame,
        arrays={
            "image": state.picture.image,
            "sink": array_of(state.seen.sink),
            "newest": array_of(state.seen.newest),
            "acted": array_of(state.acted),
            "moves": array_of(state.moves.newest),
        },
        meta={"chunk": state.chunk, "seed": state.seed},
    )


def image_of(snapshot: Snapshot, shape: tuple[int, ...]) -> Image:
    """The picture that a session began with. Raises SnapshotError."""
    image = snapshot.arrays.get("image")
    if image is None or image.shape != shape or image.dtype != np.uint8:
        raise SnapshotError("the snapshot holds no state of this world: its picture does not fit")
    return np.asarray(image, np.uint8)


def from_snapshot(
    snapshot: Snapshot, blank: GameState, window: Window, frames: tuple[int, int]
) -> GameState:
    """What a snapshot holds, without keys and tails; `blank` is a state of its world at the
    beginning, with its picture. Raises SnapshotError."""
    try:
        arrays, like = snapshot.arrays, blank.seen.newest
        parts = {
            name: tensor_of(arrays[name], like) for name in ("sink", "newest", "acted", "moves")
        }
        known = {"sink": like, "newest": like, "acted": blank.acted, "moves": blank.moves.newest}
        if any(parts[name].shape[1:] != known[name].shape[1:] for name in parts):
            raise ValueError("its latents or actions have another shape")
        chunk, seed = int(snapshot.meta["chunk"]), int(snapshot.meta["seed"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SnapshotError(f"the snapshot holds no state of this world: {error}") from error
    seen = Seen(parts["sink"], parts["newest"])
    if (
        not fits(chunk, snapshot.frame, seen, window, frames)
        or len(parts["acted"]) != len(seen.newest)
        or len(parts["moves"]) != len(blank.moves.newest)
    ):
        raise SnapshotError("the snapshot holds no state of this world: its frames do not fit")
    return GameState(
        world=snapshot.world,
        chunk=chunk,
        frame=snapshot.frame,
        seed=seed,
        past=Past(),
        seen=seen,
        acted=parts["acted"],
        moves=Moves(parts["moves"], chunk > 0),
        picture=blank.picture,
        tails=blank.tails,
    )
