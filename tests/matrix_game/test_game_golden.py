"""Our chunk loop against fastvideo 0.2.1's causal Matrix-Game 2 through five chunks, two of which
are beyond the window. `game_golden_from_fastvideo.py` made its results."""

from __future__ import annotations

from pathlib import Path

import torch
from golden_game import CHUNK, CHUNKS, CONFIG, FILE, STEPS, WINDOW, actions, noise, picture, weights
from safetensors.torch import load_file

from lightcone.model.families.matrix_game.moves import Moves
from lightcone.model.families.matrix_game.network.rows import GameRows
from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.config import TIME
from lightcone.model.families.wan.network.sampler import sample
from lightcone.model.families.wan.network.store import Store

MOST = 1e-5


@torch.inference_mode()
def test_chunks_are_those_of_fastvideo() -> None:
    expected = load_file(Path(__file__).with_name(FILE))["chunks"]
    model, past, moves = weights(), Past(), Moves.none(CONFIG, torch.zeros(0))
    (known, features), (keys, mouse) = picture(), actions()
    rows = torch.cat([keys, mouse], 2)[0]
    for i in range(CHUNKS):
        first = i * CHUNK
        start = 0 if i == 0 else 1 + TIME * (first - 1)
        end = 1 + TIME * (first + CHUNK - 1)
        moves, seen = moves.followed_by(rows[start:end], CHUNK)
        held, moved = seen[None].split([CONFIG.keys, CONFIG.mouse], -1)
        sides = GameRows(
            [past], [first], model.picture_keys(features), known[:, first : first + CHUNK],
            held, moved,
        )  # fmt: skip
        latents, [past] = sample(model, WINDOW, sides, noise(i), STEPS, Store())
        error = (latents[0] - expected[i]).norm() / expected[i].norm()
        assert float(error) < MOST
