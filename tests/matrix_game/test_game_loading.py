"""Checkpoints as they are published, made here at reduced width, and what is wrong with some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_game import fill
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig, CLIPVisionModel

from lightcone.model.catalogue import offered_worlds
from lightcone.model.families.matrix_game.model import MatrixGameModel
from lightcone.model.families.matrix_game.network.transformer import MatrixGameTransformer
from lightcone.model.families.matrix_game.variants import VARIANTS
from lightcone.model.families.matrix_game.weights import budget_of, opened
from lightcone.model.families.wan.network.config import TINY_DECODER
from lightcone.model.families.wan.network.decoder import LatentDecoder
from lightcone.model.families.wan.network.encoder import LatentEncoder
from lightcone.model.families.wan.weights import Place
from lightcone.model.interface import WeightsError, collect

TINY = VARIANTS["matrix-game:tiny"].transformer
# CLIP sees 4 patches, and one token for all
GAME = replace(
    VARIANTS["matrix-game"], transformer=TINY, decoder=TINY_DECODER, encoder=TINY_DECODER
)
CPU = Place(torch.device("cpu"), torch.float32, torch.device("cpu"))
FILE = "base_distilled_model/base_distill.safetensors"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As Matrix-Game 2 is published: the transformer's keys begin with `model.`."""
    folder = tmp_path_factory.mktemp("game")
    transformer = MatrixGameTransformer(TINY)
    fill(transformer)
    (folder / FILE).parent.mkdir()
    save_file({f"model.{k}": v for k, v in transformer.state_dict().items()}, folder / FILE)
    encoder, decoder = LatentEncoder(TINY_DECODER), LatentDecoder(TINY_DECODER)
    fill(encoder)
    fill(decoder)
    torch.save({**encoder.state_dict(), **decoder.state_dict()}, folder / "Wan2.1_VAE.pth")
    config = CLIPVisionConfig(
        hidden_size=TINY.text_width, intermediate_size=32, num_hidden_layers=3,
        num_attention_heads=2, image_size=28, patch_size=14,
    )  # fmt: skip
    CLIPVisionModel(config).save_pretrained(folder / "image_encoder")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    (tmp_path / FILE).parent.mkdir()
    for name in (FILE, "Wan2.1_VAE.pth", "image_encoder"):
        (tmp_path / name).symlink_to(made / name)
    return tmp_path


def test_a_published_folder_is_loaded_and_played(folder: Path) -> None:
    assert "matrix-game" in offered_worlds(folder)
    model = MatrixGameModel([opened(GAME, folder, CPU)], CPU, steps=1)
    info = model.worlds["matrix-game"]
    image = np.full((info.height, info.width, 3), 50, np.uint8)
    conditioning = model.prepare("matrix-game", image=image)
    assert conditioning.picture is not None
    assert conditioning.picture.features.shape == (TINY.text_length, TINY.text_width)
    state = model.start("matrix-game", 1, conditioning)
    [_], [chunk] = collect(model, [state], [info.actions(["forward"], frames=9)])
    assert chunk.frames.shape == (9, info.height, info.width, 3)


def change(folder: Path, old: str, new: str | None) -> None:
    tensors = load_file(folder / FILE)
    value = tensors.pop(old)
    if new is not None:
        tensors[new] = value
    (folder / FILE).unlink()
    save_file(tensors, folder / FILE)


def lose_action_block(folder: Path) -> None:
    change(folder, "model.blocks.0.action_model.t_qkv.weight", "model.extra")


def truncate(folder: Path) -> None:
    data = (folder / FILE).read_bytes()
    (folder / FILE).unlink()
    (folder / FILE).write_bytes(data[: len(data) // 2])


def no_image_encoder(folder: Path) -> None:
    (folder / "image_encoder").unlink()


def no_vae(folder: Path) -> None:
    (folder / "Wan2.1_VAE.pth").unlink()


def vae_without_encoder(folder: Path) -> None:
    no_vae(folder)
    torch.save(LatentDecoder(TINY_DECODER).state_dict(), folder / "Wan2.1_VAE.pth")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lose_action_block, r"1 of .* missing: .*action_model.t_qkv.weight; 1 are unexpected: ext"),
        (truncate, "damaged, or not all of it is there"),
        (no_image_encoder, "the image encoder is missing: no image_encoder in"),
        (no_vae, "the decoder is missing"),
        (vae_without_encoder, r"no checkpoint of the Wan 2.1 VAE; .* missing: conv1.weight"),
    ],
)
def test_bad_files_are_named_in_one_line(
    folder: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(folder)
    with pytest.raises(WeightsError, match=reason) as error:
        opened(GAME, folder, CPU)
    assert "\n" not in str(error.value)


def test_another_ones_checkpoint_is_refused(folder: Path) -> None:
    driving = replace(
        VARIANTS["matrix-game-gta"],
        transformer=replace(TINY, keys=2),
        decoder=TINY_DECODER,
        encoder=TINY_DECODER,
    )
    (folder / "gta_keyboard2dim.safetensors").symlink_to(folder / FILE)
    with pytest.raises(WeightsError, match=r"keyboard_embed.0.weight is \(16, 4\) for \(16, 2\)"):
        opened(driving, folder, CPU)


def test_the_budget_of_the_full_model_is_known_without_it() -> None:
    place = Place(torch.device("cpu"), torch.bfloat16, torch.device("cpu"))
    budget = budget_of(VARIANTS["matrix-game"], place, 0)
    assert budget.parts["transformer"] == 2 * 1_619_242_304
    values = 6 * 2 * (30 * 880 * 1536 + 15 * 881 * 1024)
    assert budget.parts["keys and values"] == 2 * values
    assert budget.parts["keys and values, side by side"] == 2 * values
