"""fastvideo 0.2.1 without all that it needs: for the scripts that make golden tensors, which say
how it is fetched.

fastvideo imports much that its transformers do not use; what is not installed is replaced by empty
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
from typing import Any

import diffusers
import torch
import transformers
from torch import Tensor, nn

from lightcone.model.families.wan.network.transformer import sinusoids

UNUSED = (
    *("torchvision", "scipy", "ftfy", "remote_pdb", "peft", "decord", "cv2", "moviepy", "wandb"),
    *("ray", "loguru", "librosa", "soundfile", "torchaudio", "accelerate", "datasets", "h5py"),
    *("imageio", "einops", "timm", "aiohttp", "omegaconf"),
)
RENAMED = (
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
    (r"img_emb\.proj\.0", "condition_embedder.image_embedder.norm1"),
    (r"img_emb\.proj\.1", "condition_embedder.image_embedder.ff.fc_in"),
    (r"img_emb\.proj\.3", "condition_embedder.image_embedder.ff.fc_out"),
    (r"img_emb\.proj\.4", "condition_embedder.image_embedder.norm2"),
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
    def __init__(self, embedder: Any, frequencies: int) -> None:
        super().__init__()
        self.mlp, self.frequencies = embedder.mlp, frequencies

    def forward(self, t: Tensor, timestep_seq_len: int | None = None) -> Tensor:
        out: Tensor = self.mlp(sinusoids(t, self.frequencies).float())
        return out


def filled(model: Any, weights: nn.Module, frequencies: int) -> Any:
    """A model of fastvideo with our weights."""
    model.load_state_dict({_theirs(key): value for key, value in weights.state_dict().items()})
    embedder = model.condition_embedder
    embedder.time_embedder = PreciseTime(embedder.time_embedder, frequencies)
    return model.eval()


def empty_cache(layers: int, *shape: int) -> list[dict[str, Tensor]]:
    """Of keys and values (B, N, H, D)."""
    return [
        {
            "k": torch.zeros(shape),
            "v": torch.zeros(shape),
            "global_end_index": torch.tensor([0]),
            "local_end_index": torch.tensor([0]),
        }
        for _ in range(layers)
    ]


def empty_text_cache(layers: int, *shape: int) -> list[dict[str, Any]]:
    return [
        {"k": torch.zeros(shape), "v": torch.zeros(shape), "is_init": False} for _ in range(layers)
    ]


def begin() -> None:
    """Before anything of fastvideo is imported."""
    # before the empty modules: these look at what is installed
    _ = transformers.UMT5EncoderModel, transformers.AutoTokenizer, diffusers.AutoencoderKLWan
    sys.meta_path.append(Unused())
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT="29611", RANK="0", WORLD_SIZE="1", LOCAL_RANK="0"
    )
    from fastvideo.distributed import maybe_init_distributed_environment_and_model_parallel

    maybe_init_distributed_environment_and_model_parallel(1, 1)
    from fastvideo.attention import layer
    from fastvideo.attention.backends.sdpa import SDPABackend

    layer.get_attn_backend = lambda *args, **kwargs: SDPABackend


def _theirs(key: str) -> str:
    for pattern, name in RENAMED:
        key = re.sub(pattern, name, key)
    return key
