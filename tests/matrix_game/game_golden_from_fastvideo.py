"""Makes `golden_game.safetensors`: what fastvideo's causal Matrix-Game 2 makes of the weights,
picture, actions and noise of `golden_game.py`, chunk after chunk with its own caches. Run from
tests/matrix_game, with einops:

    pip download fastvideo==0.2.1 --no-deps && unzip -d fastvideo fastvideo-0.2.1-*.whl
    PYTHONPATH=fastvideo:.. python game_golden_from_fastvideo.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from fastvideo_reference import begin, empty_cache, empty_text_cache, filled
from golden_game import (
    CHUNK,
    CHUNKS,
    CONFIG,
    FILE,
    STEPS,
    WINDOW,
    actions,
    noise,
    picture,
    weights,
)
from safetensors.torch import save_file
from torch import Tensor

from lightcone.model.families.wan.network.config import TIME


def reference() -> Any:
    from fastvideo.configs.models.dits.matrixgame2 import (
        MatrixGame2WanVideoArchConfig,
        MatrixGame2WanVideoConfig,
    )
    from fastvideo.models.dits.matrixgame2.causal_model import CausalMatrixGame2WanModel

    c = CONFIG
    arch = MatrixGame2WanVideoArchConfig(
        num_attention_heads=c.heads, attention_head_dim=c.head_size, ffn_dim=c.hidden,
        num_layers=c.layers, local_attn_size=WINDOW.size, num_frames_per_block=CHUNK,
        image_dim=c.text_width, added_kv_proj_dim=c.text_width, in_channels=c.inputs,
        text_len=c.text_length,
    )  # fmt: skip
    arch.action_config |= {
        "blocks": list(range(c.acting)), "heads_num": c.action_heads, "hidden_size": c.key_width,
        "img_hidden_size": c.width, "keyboard_hidden_dim": c.action_width,
        "mouse_hidden_dim": c.action_width,
    }  # fmt: skip
    model = CausalMatrixGame2WanModel(MatrixGame2WanVideoConfig(arch_config=arch), {})
    return filled(model, weights(), c.frequencies)


@torch.inference_mode()
def chunks() -> Tensor:
    """(chunks, CHUNK, C, rows, columns)."""
    from fastvideo.forward_context import set_forward_context

    c, model, out = CONFIG, reference(), []
    (known, features), (keys, mouse) = picture(), actions()
    head = c.action_heads, c.action_size
    kv = empty_cache(c.layers, 1, WINDOW.size * c.tokens, c.heads, c.head_size)
    kv_mouse = empty_cache(c.layers, c.tokens, WINDOW.size, *head)
    kv_keys = empty_cache(c.layers, 1, WINDOW.size, *head)
    cross = empty_text_cache(c.layers, 1, c.text_length, c.heads, c.head_size)

    def flow(x: Tensor, timestep: float, first: int) -> Tensor:
        given = torch.cat([x, known[:, first : first + CHUNK]], 2).transpose(1, 2)
        frames = 1 + TIME * (first + CHUNK - 1)
        with set_forward_context(current_timestep=0, attn_metadata=None, forward_batch=None):
            found: Tensor = model(
                given,
                None,
                torch.full((1, CHUNK), timestep),
                features,
                mouse_cond=mouse[:, :frames],
                keyboard_cond=keys[:, :frames],
                kv_cache=kv,
                kv_cache_mouse=kv_mouse,
                kv_cache_keyboard=kv_keys,
                crossattn_cache=cross,
                current_start=first * c.tokens,
                start_frame=first,
                num_frame_per_block=CHUNK,
            )
        return found.transpose(1, 2)

    for i in range(CHUNKS):
        drawn = noise(i)
        x = clean = drawn[0]
        for step, timestep in enumerate(STEPS):
            clean = x - timestep / 1000 * flow(x, timestep, i * CHUNK)
            if step + 1 < len(STEPS):
                x = torch.lerp(clean, drawn[step + 1], STEPS[step + 1] / 1000)
        flow(clean, 0.0, i * CHUNK)
        out.append(clean[0])
    return torch.stack(out)


def main() -> None:
    begin()
    save_file({"chunks": chunks().contiguous()}, Path(__file__).with_name(FILE))


if __name__ == "__main__":
    main()
