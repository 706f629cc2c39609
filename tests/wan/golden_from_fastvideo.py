"""Makes `golden_causal.safetensors`: what fastvideo's causal Wan makes of the weights, texts and
noise of `golden.py`, chunk after chunk with its own cache. Run from tests/wan:

    pip download fastvideo==0.2.1 --no-deps && unzip -d fastvideo fastvideo-0.2.1-*.whl
    PYTHONPATH=fastvideo python golden_from_fastvideo.py

fastvideo imports much that its transformer does not use; what is not installed is replaced by empty
modules. It has no attention for CPUs by itself, so its SDPA is chosen for it. Its timesteps are
embedded in float32, which is off by 1e-5: here they are in float64, as in the original.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import re
import sys
import types
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from golden import CHUNK, CHUNKS, CONFIG, FILE, STEPS, WINDOWS, noise, text, weights
from safetensors.torch import save_file
from torch import Tensor, nn

from lightcone.model.families.wan.network.config import Window
from lightcone.model.families.wan.network.transformer import sinusoids

UNUSED = (
    *("torchvision", "scipy", "ftfy", "remote_pdb", "peft", "decord", "cv2", "moviepy", "wandb"),
    *("ray", "loguru", "librosa", "soundfile", "torchaudio", "accelerate", "datasets", "h5py"),
    *("imageio", "einops", "timm", "aiohttp", "omegaconf"),
)
_RENAMED = (
    (r"^(blocks\.\d+)\.self_attn\.([qkv])\.", r"\1.to_\2."),
    (r"^(blocks\.\d+)\.self_attn\.o\.", r"\1.to_out."),
    (r"^(blocks\.\d+)\.self_attn\.norm", r"\1.norm"),
    (r"cross_attn\.([qkv])\.", r"attn2.to_\1."),
    (r"cross_attn\.o\.", "attn2.to_out."),
    (r"cross_attn\.", "attn2."),
    (r"ffn\.0", "ffn.fc_in"),
    (r"ffn\.2", "ffn.fc_out"),
    (r"norm3", "self_attn_residual_norm.norm"),
    (r"^head\.modulation", "scale_shift_table"),
    (r"modulation", "scale_shift_table"),
    (r"head\.head", "proj_out"),
    (r"time_embedding\.0", "condition_embedder.time_embedder.mlp.fc_in"),
    (r"time_embedding\.2", "condition_embedder.time_embedder.mlp.fc_out"),
    (r"time_projection\.1", "condition_embedder.time_modulation.linear"),
    (r"text_embedding\.0", "condition_embedder.text_embedder.fc_in"),
    (r"text_embedding\.2", "condition_embedder.text_embedder.fc_out"),
    (r"^patch_embedding\.", "patch_embedding.proj."),
)


class Empty(types.ModuleType):
    __path__: list[str] = []  # noqa: RUF012
    __version__ = "0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *a, **k: None})


class Unused(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name.partition(".")[0] in UNUSED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return Empty(spec.name)

    def exec_module(self, module: types.ModuleType) -> None: ...


class PreciseTime(nn.Module):
    def __init__(self, embedder: Any) -> None:
        super().__init__()
        self.mlp = embedder.mlp

    def forward(self, t: Tensor, timestep_seq_len: int | None = None) -> Tensor:
        out: Tensor = self.mlp(sinusoids(t, CONFIG.frequencies).float())
        return out


def name(key: str) -> str:
    for pattern, ours in _RENAMED:
        key = re.sub(pattern, ours, key)
    return key


def reference(window: Window) -> Any:
    from fastvideo.attention import layer
    from fastvideo.attention.backends.sdpa import SDPABackend
    from fastvideo.configs.models.dits.wanvideo import WanVideoArchConfig, WanVideoConfig

    layer.get_attn_backend = lambda *args, **kwargs: SDPABackend
    from fastvideo.models.dits.causal_wanvideo import CausalWanTransformer3DModel

    c = CONFIG
    arch = WanVideoArchConfig(
        num_attention_heads=c.heads, attention_head_dim=c.head_size, text_dim=c.text_width,
        ffn_dim=c.hidden, num_layers=c.layers, local_attn_size=window.size, sink_size=window.sink,
        num_frames_per_block=window.chunk,
        rope_cache_policy="absolute" if window.positions == "absolute" else "relativistic",
    )  # fmt: skip
    model = CausalWanTransformer3DModel(WanVideoConfig(arch_config=arch), {}).eval()
    model.load_state_dict({name(key): value for key, value in weights().state_dict().items()})
    embedder = model.condition_embedder
    embedder.time_embedder = PreciseTime(embedder.time_embedder)
    return model


@torch.inference_mode()
def chunks(window: Window) -> Tensor:
    """(chunks, CHUNK, C, rows, columns)."""
    from fastvideo.forward_context import set_forward_context

    c, model, out = CONFIG, reference(window), []
    shapes = {"kv": window.size * c.tokens, "text": c.text_length}
    empty = {k: (1, n, c.heads, c.head_size) for k, n in shapes.items()}
    kv = [
        {
            "k": torch.zeros(empty["kv"]),
            "v": torch.zeros(empty["kv"]),
            "global_end_index": torch.tensor([0]),
            "local_end_index": torch.tensor([0]),
        }
        for _ in range(c.layers)
    ]
    cross = [
        {"k": torch.zeros(empty["text"]), "v": torch.zeros(empty["text"]), "is_init": False}
        for _ in range(c.layers)
    ]

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
    # before the empty modules: these look at what is installed
    _ = transformers.UMT5EncoderModel, transformers.AutoTokenizer, diffusers.AutoencoderKLWan
    sys.meta_path.append(Unused())
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT="29611", RANK="0", WORLD_SIZE="1", LOCAL_RANK="0"
    )
    from fastvideo.distributed import maybe_init_distributed_environment_and_model_parallel

    maybe_init_distributed_environment_and_model_parallel(1, 1)
    found = {key: chunks(window).contiguous() for key, window in WINDOWS.items()}
    save_file(found, Path(__file__).with_name(FILE))


if __name__ == "__main__":
    main()
