"""Eight-bit floating-point numbers (E4M3, Micikevicius et al. 2022): tensors with scales, and
linear layers whose products are of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FORMAT = torch.float8_e4m3fn
_LARGEST = torch.finfo(FORMAT).max
_LEAST = 1e-12  # of a scale
_MULTIPLE = 16  # of both sides of a weight, as kernels need them


def quantised(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Values and their float32 scale, one along `axes`, which stay: x is their product."""
    precise = x.float()
    scale = (precise.abs().amax(axes, keepdim=True) / _LARGEST).clamp_min(_LEAST)
    return (precise / scale).clamp(-_LARGEST, _LARGEST).to(FORMAT), scale


class Fp8Linear(nn.Module):
    """A linear layer for inference: weights with a scale for each output, inputs with one for each
    row. On CUDA the product is one of eight-bit numbers, elsewhere of what these stand for."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight, scale = quantised(layer.weight.detach(), (1,))
        self.register_buffer("weight", weight)  # (out, in)
        self.register_buffer("scale", scale)  # (out, 1)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        rows, scale = quantised(x.flatten(0, -2), (1,))
        if x.is_cuda:
            out = torch._scaled_mm(
                rows, self.weight.T, scale, self.scale.T, self.bias, out_dtype=x.dtype
            )
        else:
            weight = (self.weight.float() * self.scale).to(x.dtype)
            out = F.linear((rows.float() * scale).to(x.dtype), weight, self.bias)
        return out.unflatten(0, x.shape[:-1])


def with_fp8_linears(module: nn.Module) -> None:
    """Replace its linear layers, of whatever depth."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear) and fits(child):
            setattr(module, name, Fp8Linear(child))
        else:
            with_fp8_linears(child)


def fits(layer: nn.Linear) -> bool:
    return layer.in_features % _MULTIPLE == 0 and layer.out_features % _MULTIPLE == 0
