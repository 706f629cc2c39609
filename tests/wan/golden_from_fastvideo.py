"""Makes `golden_causal.safetensors`: what fastvideo's causal Wan makes of the weights, texts and
noise of `golden.py`, chunk after chunk with its own cache. Run from tests/wan:

    pip download fastvideo==0.2.1 --no-deps && unzip -d fastvideo fastvideo-0.2.1-*.whl
    PYTHONPATH=fastvideo:.. python golden_from_fastvideo.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from fastvideo_reference import begin, empty_cache, empty_text_cache, filled
from golden import CHUNK, CHUNKS, CONFIG, FILE, STEPS, WINDOWS, noise, text, weights
from safetensors.torch import save_file
from torch import Tensor

from lightcone.model.families.wan.network.config import Window


def reference(window: Window) -> Any:
    from fastvideo.configs.models.dits.wanvideo import WanVideoArchConfig, WanVideoConfig
    from fastvideo.models.dits.causal_wanvideo import CausalWanTransformer3DModel

    c = CONFIG
    arch = WanVideoArchConfig(
        num_attention_heads=c.heads, attention_head_dim=c.head_size, text_dim=c.text_width,
        ffn_dim=c.hidden, num_layers=c.layers, local_attn_size=window.size, sink_size=window.sink,
        num_frames_per_block=window.chunk,
        rope_cache_policy="absolute" if window.positions == "absolute" else "relativistic",
    )  # fmt: skip
    model = CausalWanTransformer3DModel(WanVideoConfig(arch_config=arch), {})
    return filled(model, weights(), c.frequencies)


@torch.inference_mode()
def chunks(window: Window) -> Tensor:
    """(chunks, CHUNK, C, rows, columns)."""
    from fastvideo.forward_context import set_forward_context

    c, model, out = CONFIG, reference(window), []
    kv = empty_cache(c.layers, 1, window.size * c.tokens, c.heads, c.head_size)
    cross = empty_text_cache(c.layers, 1, c.text_length, c.heads, c.head_size)

    def flow(x: Tensor, timestep: float, first: int) -> Tensor:
        with set_forward_context(current_timestep=0, attn_metadata=None, forward_batch=None):
            found: Tensor = model(
                x.transpose(1, 2),
                text(),
                torch.full((1, CHUNK), timestep),
                kv_cache=kv,
                crossattn_cache=cross,
                current_start=first * c.tokens,
                start_frame=first,
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
    found = {key: chunks(window).contiguous() for key, window in WINDOWS.items()}
    save_file(found, Path(__file__).with_name(FILE))


if __name__ == "__main__":
    main()
