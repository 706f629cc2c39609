"""Our arithmetic against diffusers': transformer and decoder, at reduced width, random weights."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from tiny_wan import SMALL, filled, relative_error
from torch import Tensor, nn

from lightcone.model.families.wan.checkpoint.keys import decoder_key, original
from lightcone.model.families.wan.network.cache import Cache, Past
from lightcone.model.families.wan.network.config import DecoderConfig, WanConfig, Window
from lightcone.model.families.wan.network.decoder import DEVIATION, MEAN, LatentDecoder
from lightcone.model.families.wan.network.transformer import WanTransformer

MOST = 1e-5


class PreciseTimesteps(nn.Module):
    """Features of a timestep in float64, as the original computes them; diffusers has float32 here,
    which is off by 1e-5 at high timesteps."""

    def forward(self, timesteps: Tensor) -> Tensor:
        frequencies = torch.exp(-torch.arange(128).double() / 128 * torch.log(torch.tensor(1e4)))
        angles = timesteps.double()[:, None] * frequencies.double()
        return torch.cat([angles.cos(), angles.sin()], 1).float()


def reference(c: WanConfig) -> WanTransformer3DModel:
    model = WanTransformer3DModel(
        num_attention_heads=c.heads,
        attention_head_dim=c.head_size,
        ffn_dim=c.hidden,
        num_layers=c.layers,
        text_dim=c.text_width,
    )
    filled(model)
    return model


@pytest.mark.parametrize(("heads", "width"), [(2, 48), (3, 96)])
def test_one_chunk_is_that_of_diffusers(heads: int, width: int) -> None:
    c = WanConfig(**{**vars(SMALL), "heads": heads, "width": width})
    theirs = reference(c)
    ours = WanTransformer(c)
    ours.load_state_dict({original(key): value for key, value in theirs.state_dict().items()})
    theirs.condition_embedder.timesteps_proj = PreciseTimesteps()
    latents, text = torch.randn(2, 3, 16, c.rows, c.columns), torch.randn(2, 10, c.text_width)
    timesteps = torch.tensor([937.5, 0.0])
    with torch.inference_mode():
        expected = theirs(latents.transpose(1, 2), timesteps, text).sample.transpose(1, 2)
        cache = Cache(c, Window(3, 6), [Past(), Past()], [0, 0], 3, latents)
        keys = ours.text_keys(text)
        found = ours(latents, timesteps[:, None].expand(2, 3), keys, cache)
    for row in range(2):
        assert relative_error(found[row], expected[row]) < MOST


def test_latents_one_by_one_become_the_pictures_of_the_whole_clip() -> None:
    theirs = filled(AutoencoderKLWan(base_dim=8), 0.2)
    ours = LatentDecoder(DecoderConfig(width=8))
    named = {decoder_key(key): value for key, value in theirs.state_dict().items()}
    ours.load_state_dict({key: value for key, value in named.items() if key is not None})
    latents = torch.randn(2, 16, 6, 4, 6) * 0.3
    mean = torch.tensor(MEAN)[:, None, None, None]
    deviation = torch.tensor(DEVIATION)[:, None, None, None]
    with torch.inference_mode():
        expected = theirs.decode(latents * deviation + mean).sample
        tails, parts = ours.tails(2, 4, 6), []
        for i in range(6):
            part, tails = ours(latents[:, :, i], tails, first=i == 0)
            parts.append(part)
    assert [part.shape[1] for part in parts] == [1, 4, 4, 4, 4, 4]
    assert relative_error(torch.cat(parts, 1).transpose(1, 2), expected) < MOST


def test_all_keys_of_the_full_models_are_translated() -> None:
    with torch.device("meta"):
        theirs, vae = WanTransformer3DModel(**_full()), AutoencoderKLWan()
        ours, decoder = WanTransformer(WanConfig()), LatentDecoder(DecoderConfig())
    assert _shapes(theirs, original) == _shapes(ours) == _shapes(ours, original)
    assert _shapes(vae, decoder_key) == _shapes(decoder) == _shapes(decoder, decoder_key)


def _full() -> dict[str, int]:
    return {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30, "text_dim": 4096}


def _shapes(module: nn.Module, name=lambda key: key) -> dict[str, torch.Size]:
    named = {name(key): value.shape for key, value in module.state_dict().items()}
    return {key: shape for key, shape in named.items() if key is not None}
