"""Checkpoints as they are published, made here at reduced width, and what is wrong with some."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors.torch import save_file
from tiny_wan import SMALL, filled, relative_error
from torch import Tensor

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.wan.checkpoint.budget import Budget
from lightcone.model.families.wan.checkpoint.files import tensors_of
from lightcone.model.families.wan.network.config import DecoderConfig
from lightcone.model.families.wan.network.decoder import LatentDecoder
from lightcone.model.families.wan.network.transformer import WanTransformer
from lightcone.model.families.wan.variants import VARIANTS, Variant
from lightcone.model.families.wan.weights import Place, Weights, budgets, opened
from lightcone.model.interface import UnsupportedSetting, WeightsError, collect

LONGLIVE = replace(
    VARIANTS["longlive"],
    transformer=replace(SMALL, text_width=32, text_length=16),
    decoder=DecoderConfig(width=4),
)
CPU = Place(torch.device("cpu"), torch.float32, torch.device("cpu"))


@pytest.fixture(scope="module")
def transformer() -> WanTransformer:
    model = WanTransformer(LONGLIVE.transformer)
    filled(model)
    return model


@pytest.fixture(scope="module")
def decoder() -> LatentDecoder:
    model = LatentDecoder(LONGLIVE.decoder)
    filled(model)
    return model


@pytest.fixture(scope="module")
def text_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small UMT5 with random weights, and a tokenizer of a few words."""
    return made_text_encoder(tmp_path_factory.mktemp("text"), LONGLIVE.transformer.text_width)


def made_text_encoder(folder: Path, width: int) -> Path:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

    config = UMT5Config(
        vocab_size=32, d_model=width, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    torch.manual_seed(0)
    UMT5EncoderModel(config).save_pretrained(folder / "text_encoder")
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "red": 4, "boat": 5}
    tokenizer = Tokenizer(WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder / "tokenizer")
    return folder


@pytest.fixture
def folder(
    tmp_path: Path, transformer: WanTransformer, decoder: LatentDecoder, text_encoder: Path
) -> Path:
    """As LongLive and Wan are published, in one folder."""
    prefixed = {f"model.{key}": value for key, value in transformer.state_dict().items()}
    torch.save({"generator": prefixed, "step": 5}, tmp_path / "longlive_base.pt")
    ignored = {"encoder.conv1.weight": torch.zeros(1), "conv1.bias": torch.zeros(1)}
    torch.save({**decoder.state_dict(), **ignored}, tmp_path / "Wan2.1_VAE.pth")
    for name in ("text_encoder", "tokenizer"):
        (tmp_path / name).symlink_to(text_encoder / name)
    return tmp_path


def same(weights: Weights, transformer: WanTransformer) -> bool:
    found = weights.transformer.state_dict()
    return all(torch.equal(found[key], value) for key, value in transformer.state_dict().items())


def test_a_published_pickle_is_loaded_as_it_is(folder: Path, transformer: WanTransformer) -> None:
    weights = opened(LONGLIVE, folder, CPU)
    assert same(weights, transformer)
    assert not any(p.requires_grad for p in weights.transformer.parameters())
    text = weights.encoder(" a   red&nbsp;boat ")
    assert text.shape == (4, 32)  # its words and the end
    assert weights.encoder(" a   red&nbsp;boat ") is text


def test_the_average_is_taken_where_a_model_is_used_with_it(
    folder: Path, transformer: WanTransformer
) -> None:
    other = {k: v + 1 for k, v in transformer.state_dict().items()}
    average = {
        f"model._fsdp_wrapped_module.{key}": value
        for key, value in transformer.state_dict().items()
    }
    torch.save({"generator": other, "generator_ema": average}, folder / "self_forcing_dmd.pt")
    variant = replace(LONGLIVE, files=("self_forcing_dmd.pt",), parts=("generator_ema",))
    assert same(opened(variant, folder, CPU), transformer)


def test_a_folder_of_diffusers_is_loaded_in_one_file_or_in_shards(folder: Path) -> None:
    (folder / "longlive_base.pt").unlink()
    c = LONGLIVE.transformer
    theirs = WanTransformer3DModel(
        num_attention_heads=c.heads, attention_head_dim=c.head_size, ffn_dim=c.hidden,
        num_layers=c.layers, text_dim=c.text_width,
    )  # fmt: skip
    vae = AutoencoderKLWan(base_dim=4)
    (folder / "Wan2.1_VAE.pth").unlink()
    vae.save_pretrained(folder / "vae")
    theirs.save_pretrained(folder / "transformer", max_shard_size="20KB")
    assert len(list((folder / "transformer").glob("*.safetensors"))) > 1
    shards = opened(LONGLIVE, folder, CPU)
    for file in (folder / "transformer").iterdir():
        file.unlink()
    theirs.save_pretrained(folder / "transformer")
    one = opened(LONGLIVE, folder, CPU)
    assert same(shards, one.transformer)
    assert shards.digest == one.digest
    bias = theirs.state_dict()["blocks.0.norm2.bias"]
    assert torch.equal(one.transformer.state_dict()["blocks.0.norm3.bias"], bias)


def lora_of(transformer: WanTransformer, rank: int = 4) -> dict[str, Tensor]:
    """As peft saves it: of each linear layer of the blocks."""
    out = {}
    for key, value in transformer.state_dict().items():
        if key.startswith("blocks.") and value.ndim == 2:
            module = f"base_model.model.{key.removesuffix('.weight')}"
            out[f"{module}.lora_A.weight"] = torch.randn(rank, value.shape[1])
            out[f"{module}.lora_B.weight"] = torch.randn(value.shape[0], rank)
    return out


@pytest.mark.parametrize("alpha", [None, 2.0])
def test_a_lora_is_added_when_it_is_loaded(
    folder: Path, transformer: WanTransformer, alpha: float | None
) -> None:
    lora = lora_of(transformer)
    module = "base_model.model.blocks.1.ffn.0"
    if alpha is not None:
        lora[f"{module}.alpha"] = torch.tensor(alpha)
    torch.save({"generator_lora": lora, "critic_lora": {}}, folder / "lora.pt")
    weights = opened(LONGLIVE, folder, CPU)
    key = "blocks.1.ffn.0.weight"
    change = lora[f"{module}.lora_B.weight"] @ lora[f"{module}.lora_A.weight"]
    expected = transformer.state_dict()[key] + change * (1 if alpha is None else alpha / 4)
    assert relative_error(weights.transformer.state_dict()[key], expected) < 1e-6
    assert torch.equal(weights.transformer.head.head.weight, transformer.head.head.weight)


class NoTensor:
    pass


def truncated(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def damage_pickle(folder: Path) -> None:
    truncated(folder / "longlive_base.pt")


def damage_shard(folder: Path) -> None:
    (folder / "longlive_base.pt").unlink()
    shards = folder / "transformer"
    shards.mkdir()
    save_file({"a": torch.zeros(100)}, shards / "1.safetensors")
    index = {"weight_map": {"a": "1.safetensors"}}
    (shards / "model.safetensors.index.json").write_text(json.dumps(index))
    truncated(shards / "1.safetensors")


def lose_shard(folder: Path) -> None:
    damage_shard(folder)
    (folder / "transformer" / "1.safetensors").unlink()


def other_model(folder: Path) -> None:
    torch.save({"generator": {"model.layers.0": torch.zeros(2)}}, folder / "longlive_base.pt")


def larger_model(folder: Path) -> None:
    big = WanTransformer(replace(LONGLIVE.transformer, width=96, heads=4))
    torch.save({"generator": big.state_dict()}, folder / "longlive_base.pt")


def missing_and_unexpected(folder: Path) -> None:
    tensors = tensors_of(folder / "longlive_base.pt", ("generator",))
    tensors["model.extra"] = tensors.pop("model.head.head.bias")
    torch.save({"generator": tensors}, folder / "new.pt")
    (folder / "new.pt").replace(folder / "longlive_base.pt")


def unsafe_pickle(folder: Path) -> None:
    torch.save({"generator": NoTensor()}, folder / "longlive_base.pt")


def other_lora(folder: Path) -> None:
    big = WanTransformer(replace(LONGLIVE.transformer, width=96, heads=4))
    torch.save(lora_of(big), folder / "lora.pt")


def foreign_lora(folder: Path) -> None:
    weights = {f"unet.x.lora_{part}.weight": torch.zeros(2, 2) for part in "AB"}
    torch.save(weights, folder / "lora.pt")


def no_text_encoder(folder: Path) -> None:
    (folder / "text_encoder").unlink()


def no_decoder(folder: Path) -> None:
    (folder / "Wan2.1_VAE.pth").unlink()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (damage_pickle, "damaged, or not all of it is there"),
        (damage_shard, "damaged, or not all of it is there"),
        (lose_shard, "names shards that are not there: 1.safetensors"),
        (other_model, "no checkpoint of LongLive 1.3B; .* keys are missing: .* and .* more"),
        (larger_model, r"have another shape: .*\(96, 16, 1, 2, 2\) for \(48, 16, 1, 2, 2\)"),
        (missing_and_unexpected, "1 of .* missing: head.head.bias; 1 are unexpected: extra"),
        (unsafe_pickle, r"holds more than tensors \(.*NoTensor\).*is not read"),
        (other_lora, r"LoRA of other shapes: .* for \(48, 48\)"),
        (foreign_lora, "LoRA of another model: 1 unknown weights"),
        (no_text_encoder, "the text encoder is missing: no text_encoder in"),
        (no_decoder, "the decoder is missing"),
    ],
)
def test_bad_files_are_named_in_one_line(
    folder: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(folder)
    with pytest.raises(WeightsError, match=reason) as error:
        opened(LONGLIVE, folder, CPU)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


def test_memory_is_counted_before_anything_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Budget({"transformer": 2_840_000_000, "keys and values": 10**15})
    with pytest.raises(WeightsError, match=r"too little memory on cpu: 1000002\.84 GB"):
        budget.check(torch.device("cpu"))
    free = "lightcone.model.families.wan.checkpoint.budget.free_bytes"
    monkeypatch.setattr(free, lambda device: 10_000)
    monkeypatch.delattr("lightcone.model.families.wan.weights.fill")  # not reached
    with pytest.raises(WeightsError, match="too little memory"):
        opened(LONGLIVE, folder, CPU)


def test_the_budget_of_the_full_model_is_known_without_it() -> None:
    place = Place(torch.device("cpu"), torch.bfloat16, torch.device("cpu"))
    [budget] = budgets(VARIANTS["longlive"], place, 0).values()
    assert budget.parts["transformer"] == 2 * 1_418_996_800
    assert budget.parts["keys and values"] == 3_450_470_400
    assert budget.parts["keys and values, side by side"] == 3_450_470_400
    assert "transformer 2.84" in str(budget)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_cuda_is_said_before_weights_are_looked_for() -> None:
    with pytest.raises(UnsupportedSetting, match="the device 'cuda' can not be used"):
        open_model(("wan:tiny",), ModelSettings(device="cuda"))


def test_a_loaded_model_streams(folder: Path) -> None:
    from lightcone.model.families.wan.model import WanModel

    variant: Variant = replace(LONGLIVE, name="longlive")
    model = WanModel([opened(variant, folder, CPU)], CPU, steps=1)
    info = model.worlds["longlive"]
    state = model.start("longlive", 1, model.prepare("longlive", "a red boat"))
    [_], [chunk] = collect(model, [state], [info.actions([])])
    assert chunk.frames.shape == (9, 32, 64, 3)
