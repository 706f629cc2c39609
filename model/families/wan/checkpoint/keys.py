"""What parameters are called: our modules have the names of the original Wan 2.1 checkpoints, to
which those of diffusers and of training wrappers are translated.

diffusers swaps the names of two norms: its `norm2` is the original's `norm3`, which has weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

WRAPPERS = ("base_model.", "_fsdp_wrapped_module.", "diffusion_model.", "transformer.", "module.")
"""Parts that training and other programs put into or before a name."""

_TRANSFORMER: Mapping[str, str] = {
    "patch_embedding.proj.": "patch_embedding.",
    "condition_embedder.image_embedder.norm1": "img_emb.proj.0",
    "condition_embedder.image_embedder.ff.net.0.proj": "img_emb.proj.1",
    "condition_embedder.image_embedder.ff.net.2": "img_emb.proj.3",
    "condition_embedder.image_embedder.norm2": "img_emb.proj.4",
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "attn1.to_q": "self_attn.q",
    "attn1.to_k": "self_attn.k",
    "attn1.to_v": "self_attn.v",
    "attn1.to_out.0": "self_attn.o",
    "attn1.norm_": "self_attn.norm_",
    "attn2.to_q": "cross_attn.q",
    "attn2.to_k": "cross_attn.k",
    "attn2.to_v": "cross_attn.v",
    "attn2.to_out.0": "cross_attn.o",
    "attn2.norm_": "cross_attn.norm_",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
    "norm2": "norm3",
    "proj_out": "head.head",
}
"""Parts of diffusers' names, and the original's."""

_RESIDUAL = {
    "norm1.": "residual.0.",
    "conv1.": "residual.2.",
    "norm2.": "residual.3.",
    "conv2.": "residual.6.",
    "conv_shortcut.": "shortcut.",
}


def plain(key: str) -> str:
    """A key of a transformer without what wrappers add to it."""
    for wrapper in WRAPPERS:
        key = key.replace(wrapper, "") if wrapper.startswith("_") else key.removeprefix(wrapper)
    return key.removeprefix("model.")


def original(key: str) -> str:
    """A key of a transformer, in whatever naming, in the original's."""
    key = plain(key)
    if key == "scale_shift_table":
        return "head.modulation"
    key = key.replace("scale_shift_table", "modulation")
    for theirs, ours in _TRANSFORMER.items():
        if theirs in key:
            return key.replace(theirs, ours)
    return key


def decoder_key(key: str, blocks: int = 2) -> str | None:
    """A key of the whole VAE, in whatever naming, in the original's; None for those of its encoder.
    `blocks` as in `DecoderConfig`."""
    if key.startswith(("encoder.", "quant_conv.", "conv1.")):
        return None
    key = key.replace("post_quant_conv.", "conv2.") if key.startswith("post_quant") else key
    key = key.replace("decoder.conv_in.", "decoder.conv1.")
    key = key.replace("decoder.norm_out.", "decoder.head.0.")
    key = key.replace("decoder.conv_out.", "decoder.head.2.")
    key = key.replace("decoder.mid_block.attentions.0.", "decoder.middle.1.")
    if found := re.fullmatch(r"decoder\.mid_block\.resnets\.(\d)\.(.+)", key):
        return f"decoder.middle.{2 * int(found[1])}.{_residual(found[2])}"
    each = blocks + 2  # layers of a size: residual blocks, then one that enlarges
    if found := re.fullmatch(r"decoder\.up_blocks\.(\d)\.resnets\.(\d)\.(.+)", key):
        return f"decoder.upsamples.{each * int(found[1]) + int(found[2])}.{_residual(found[3])}"
    if found := re.fullmatch(r"decoder\.up_blocks\.(\d)\.upsamplers\.0\.(.+)", key):
        return f"decoder.upsamples.{each * int(found[1]) + blocks + 1}.{found[2]}"
    return key


def encoder_key(key: str) -> str | None:
    """The same for its encoder; None for keys of its decoder."""
    if key.startswith(("decoder.", "post_quant_conv.", "conv2.")):
        return None
    key = key.replace("quant_conv.", "conv1.", 1) if key.startswith("quant_conv.") else key
    key = key.replace("encoder.conv_in.", "encoder.conv1.")
    key = key.replace("encoder.norm_out.", "encoder.head.0.")
    key = key.replace("encoder.conv_out.", "encoder.head.2.")
    key = key.replace("encoder.mid_block.attentions.0.", "encoder.middle.1.")
    if found := re.fullmatch(r"encoder\.mid_block\.resnets\.(\d)\.(.+)", key):
        return f"encoder.middle.{2 * int(found[1])}.{_residual(found[2])}"
    if found := re.fullmatch(r"encoder\.down_blocks\.(\d+)\.(.+)", key):
        return f"encoder.downsamples.{found[1]}.{_residual(found[2])}"
    return key


def _residual(key: str) -> str:
    for theirs, ours in _RESIDUAL.items():
        if key.startswith(theirs):
            return key.replace(theirs, ours, 1)
    return key


def shown(keys: Sequence[str], most: int = 5) -> str:
    """A readable number of keys, with the count."""
    rest = len(keys) - most
    return ", ".join(keys[:most]) + (f" and {rest} more" if rest > 0 else "")
