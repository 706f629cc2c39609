"""The fast decoder: pictures of whole clips by golden tensors, one latent after the other; as a
setting, and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from golden_taehv import FILE, latents, weights
from safetensors.torch import load_file
from tiny_wan import relative_error

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.wan.network.config import TaehvConfig
from lightcone.model.families.wan.network.decoder import LatentDecoder
from lightcone.model.families.wan.network.taehv import TaehvDecoder
from lightcone.model.families.wan.variants import VARIANTS
from lightcone.model.families.wan.weights import decoder_of, decoder_tensors
from lightcone.model.interface import WeightsError, collect


@torch.inference_mode()
def test_latents_one_by_one_become_the_pictures_of_the_whole_clip() -> None:
    """`taehv_golden_from_fastvideo.py` made them."""
    expected = 2 * load_file(Path(__file__).with_name(FILE))["pictures"] - 1
    model, parts = weights(), []
    tails = model.tails(1, 2, 3)
    assert [tail.shape for tail in tails] == model.tail_shapes(1, 2, 3)
    for i, latent in enumerate(latents().unbind(1)):
        part, tails = model(latent, tails, first=i == 0)
        parts.append(part)
    assert [part.shape[1] for part in parts] == [1, 4, 4]
    assert relative_error(torch.cat(parts, 1), expected) < 1e-5
    assert expected.std() > 0.1


@pytest.mark.parametrize("world", ["wan:tiny", "matrix-game:tiny"])
def test_it_is_a_setting(world: str) -> None:
    own = open_model((world,), ModelSettings(steps=1))
    fast = open_model((world,), ModelSettings(steps=1, decoder="taehv"))
    assert own.fingerprint != fast.fingerprint
    state, info = fast.blank(world), fast.worlds[world]  # type: ignore[attr-defined]
    for frames in (9, 12):
        [state], [chunk] = collect(fast, [state], [info.actions([], frames=frames)])
        assert chunk.frames.shape == (frames, info.height, info.width, 3)


def test_its_file_is_loaded_strictly(tmp_path: Path) -> None:
    published = VARIANTS["longlive"].decoded_by("taehv")
    with torch.device("meta"):
        empty = decoder_of(published.decoder)
    assert isinstance(empty, TaehvDecoder)
    with pytest.raises(WeightsError, match=r"fast decoder is missing: none of taew2_1.pth"):
        decoder_tensors(tmp_path, empty)
    held = {**weights().state_dict(), "encoder.0.weight": torch.zeros(1)}
    held["decoder.7.conv.weight"] = torch.cat(
        [torch.zeros(256, 256, 1, 1), held["decoder.7.conv.weight"]]
    )
    torch.save(held, tmp_path / "taew2_1.pth")
    found = decoder_tensors(tmp_path, empty)
    assert all(torch.equal(found[key], value) for key, value in weights().state_dict().items())
    del held["decoder.3.conv.0.bias"]
    torch.save({**held, "decoder.99.weight": torch.zeros(1)}, tmp_path / "taew2_1.pth")
    with pytest.raises(WeightsError, match=r"1 of .* missing: decoder.3.conv.0.bias; 1 are unexp"):
        decoder_tensors(tmp_path, empty)


def test_it_is_a_small_part_of_the_own_decoder() -> None:
    with torch.device("meta"):
        fast, own = TaehvDecoder(TaehvConfig()), LatentDecoder(VARIANTS["longlive"].decoder)  # type: ignore[arg-type]
    values = [sum(torch.Size(s).numel() for s in d.tail_shapes(1, 60, 104)) for d in (fast, own)]
    assert values[0] < 0.1 * values[1]
