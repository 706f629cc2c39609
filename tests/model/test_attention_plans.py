"""Every plan against a plain softmax in float64; the biases of xformers by what they stand for."""

from __future__ import annotations

import math
from importlib.util import find_spec

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lightcone.model.runtime.attention import Plan, Planned, attend
from lightcone.model.runtime.attention.fused import bias_of
from lightcone.model.runtime.attention.merge import merged

HEADS, SIZE = 2, 16
needs_xformers = pytest.mark.skipif(find_spec("xformers") is None, reason="no xformers here")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")


@st.composite
def plans(draw: st.DrawFn, most_spans: int = 3) -> Plan:
    keys = draw(st.integers(1, 9))
    queries = draw(st.integers(1, 4))
    causal = draw(st.booleans())
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        count = draw(st.integers(1, most_spans))
        places = sorted(draw(st.integers(0, keys)) for _ in range(2 * count))
        spans = tuple(zip(places[::2], places[1::2], strict=True))
        if not Plan.lengths(spans):
            spans = ((0, keys),)
        rows.append(spans)
    causal = causal and all(row[-1][1] - row[-1][0] >= queries for row in rows)
    return Plan(queries, keys, tuple(rows), causal, draw(st.integers(1, 2)))


def sees(plan: Plan, row: int, query: int) -> list[int]:
    """By the words of `Plan`."""
    spans = plan.spans[row]
    seen = [place for start, end in spans for place in range(start, end)]
    if plan.causal and (fewer := plan.queries - 1 - query):
        seen = seen[:-fewer]
    return sorted(set(seen))


def made(plan: Plan, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values."""
    rows = len(plan.spans) * plan.repeat
    generator = torch.Generator().manual_seed(rows * 100 + plan.keys)
    shapes = [(rows, HEADS, n, SIZE) for n in (plan.queries, plan.keys, plan.keys)]
    q, k, v = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    return q.to(like), k.to(like), v.to(like)


def plain(plan: Plan, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """A softmax for each query over the keys that it sees, in float64."""
    q, k, v = (x.double().cpu() for x in (q, k, v))
    out = torch.empty_like(q)
    for row in range(len(q)):
        for i in range(plan.queries):
            at = sees(plan, row // plan.repeat, i)
            scores = k[row][:, at] @ q[row, :, i, :, None] / math.sqrt(SIZE)  # (H, seen, 1)
            out[row, :, i] = (scores.softmax(1) * v[row][:, at]).sum(1)
    return out


@given(plan=plans(), grad=st.booleans())
@settings(deadline=None, max_examples=80)
def test_a_plan_is_a_plain_softmax_over_what_it_names(plan: Plan, grad: bool) -> None:
    like = torch.zeros(0, dtype=torch.float64)
    q, k, v = made(plan, like)
    with torch.set_grad_enabled(grad):
        found = attend(q, k, v, Planned(plan, like))
    torch.testing.assert_close(found, plain(plan, q, k, v), atol=1e-12, rtol=1e-12)


@given(plan=plans())
@settings(deadline=None, max_examples=80)
def test_its_parts_are_merged_by_their_sums(plan: Plan) -> None:
    q, k, v = made(plan, torch.zeros(0, dtype=torch.float64))
    scores = q @ k.transpose(-2, -1) / math.sqrt(SIZE)
    parts = []
    for part in plan.parts():
        masked = scores + part.mask(q)
        lse = masked.logsumexp(-1)
        out = (masked - lse[..., None]).exp() @ v  # NaN where nothing is seen
        parts.append((out, lse))
    torch.testing.assert_close(merged(parts), plain(plan, q, k, v), atol=1e-12, rtol=1e-12)


@needs_xformers
@given(plan=plans())
@settings(deadline=None, max_examples=80)
def test_biases_of_xformers_stand_for_the_parts_of_a_plan(plan: Plan) -> None:
    rows = len(plan.spans) * plan.repeat
    for part in plan.parts():
        bias = bias_of(part, torch.device("cpu"))
        if bias is None:
            assert part.whole
            continue
        found = bias.materialize((rows * plan.queries, rows * plan.keys))
        expected = torch.full_like(found, -math.inf)
        mask = part.mask(torch.zeros(0)).expand(rows, 1, plan.queries, -1)
        for row in range(rows):
            at = slice(row * plan.queries, (row + 1) * plan.queries)
            expected[at, row * plan.keys : (row + 1) * plan.keys] = mask[row, 0]
        assert torch.equal(found, expected)


@pytest.mark.cuda
@needs_xformers
@needs_cuda
@given(plan=plans())
@settings(deadline=None, max_examples=80)
@torch.inference_mode()
def test_a_plan_is_a_plain_softmax_on_cuda_too(plan: Plan) -> None:
    like = torch.zeros(0, dtype=torch.float16, device="cuda")
    q, k, v = made(plan, like)
    found = attend(q, k, v, Planned(plan, like)).double().cpu()
    torch.testing.assert_close(found, plain(plan, q, k, v), atol=5e-3, rtol=5e-3)


@pytest.mark.parametrize(
    ("spans", "causal"),
    [(((0, 0),), False), (((2, 1),), False), (((0, 9),), False), ((), False), (((0, 1),), True)],
)
def test_what_is_no_plan_is_refused(spans: tuple[tuple[int, int], ...], causal: bool) -> None:
    with pytest.raises(ValueError, match=r"row|spans|causal"):
        Plan(2, 8, (spans,), causal)
