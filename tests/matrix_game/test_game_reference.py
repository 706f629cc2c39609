"""The picture's encoder against diffusers', and the keys of the full model."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from golden_game import fill
from torch import nn

from lightcone.model.families.matrix_game.network.config import MatrixGameConfig
from lightcone.model.families.matrix_game.network.transformer import MatrixGameTransformer
from lightcone.model.families.wan.checkpoint.keys import encoder_key, original
from lightcone.model.families.wan.network.config import DecoderConfig
from lightcone.model.families.wan.network.decoder import DEVIATION, MEAN
from lightcone.model.families.wan.network.encoder import LatentEncoder, latents_of_picture

MOST = 1e-5


def shapes(module: nn.Module, name=lambda key: key) -> dict[str, torch.Size]:
    named = {name(key): value.shape for key, value in module.state_dict().items()}
    return {key: shape for key, shape in named.items() if key is not None}


@torch.inference_mode()
def test_a_picture_and_then_grey_is_encoded_as_a_whole_clip() -> None:
    theirs = AutoencoderKLWan(base_dim=8).eval()
    fill(theirs)
    ours = LatentEncoder(DecoderConfig(width=8))
    named = {encoder_key(key): value for key, value in theirs.state_dict().items()}
    ours.load_state_dict({key: value for key, value in named.items() if key is not None})
    picture = torch.rand(3, 32, 48) * 2 - 1
    found = latents_of_picture(ours, picture, most=5)
    clip = torch.zeros(1, 3, 17, 32, 48)
    clip[0, :, 0] = picture
    mean, deviation = (torch.tensor(x)[:, None, None, None] for x in (MEAN, DEVIATION))
    expected = ((theirs.encode(clip).latent_dist.mean - mean) / deviation)[0].transpose(0, 1)
    assert float((found - expected).norm() / expected.norm()) < MOST


def test_keys_of_the_full_model_are_translated() -> None:
    """diffusers has all of it but the action blocks, and a text beside."""
    with torch.device("meta"):
        theirs = WanTransformer3DModel(
            num_attention_heads=12, ffn_dim=8960, num_layers=30, in_channels=36, image_dim=1280
        )
        ours = MatrixGameTransformer(MatrixGameConfig())
        vae, encoder = AutoencoderKLWan(), LatentEncoder(DecoderConfig())
    mine = {key: shape for key, shape in shapes(ours).items() if "action_model" not in key}
    named = {k: s for k, s in shapes(theirs, original).items() if "text_embedding" not in k}
    assert mine == named
    assert shapes(ours, original) == shapes(ours)
    assert shapes(vae, encoder_key) == shapes(encoder) == shapes(encoder, encoder_key)
    blocks = {key.split(".")[1] for key in shapes(ours) if "action_model" in key}
    assert blocks == {str(i) for i in range(15)}
    numbers = sum(shape.numel() for shape in shapes(ours).values())
    assert numbers == 1_619_242_304
