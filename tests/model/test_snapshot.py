"""Snapshots as bytes: all of them come back, and none that is damaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from lightcone.model.interface import Snapshot, SnapshotError
from lightcone.model.runtime.snapshot import pack, unpack

DTYPES = st.sampled_from(["float32", "float64", "uint16", "int64", "uint8", "bool", "float16"])
ARRAYS = DTYPES.flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, max_side=4))
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(max_size=9) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner,
                                                                max_size=3),
    max_leaves=8,
)  # fmt: skip
SNAPSHOTS = st.builds(
    Snapshot,
    world=st.text(max_size=12),
    fingerprint=st.text(max_size=12),
    frame=st.integers(0, 2**53),
    arrays=st.dictionaries(st.text("abcdefgh.", min_size=1, max_size=8), ARRAYS, max_size=4),
    meta=st.dictionaries(st.text(max_size=6), PLAIN, max_size=4),
)


def small() -> Snapshot:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    return Snapshot("pond", "abc", 48, {"keys": array, "turned": array.T}, {"seed": 3})


@given(SNAPSHOTS)
def test_a_snapshot_survives_its_bytes(snapshot: Snapshot) -> None:
    back = unpack(pack(snapshot))
    assert (back.world, back.fingerprint, back.frame) == (
        snapshot.world,
        snapshot.fingerprint,
        snapshot.frame,
    )
    assert back.meta == snapshot.meta
    assert set(back.arrays) == set(snapshot.arrays)
    for name, array in snapshot.arrays.items():
        same(back.arrays[name], array)


def same(found: NDArray[Any], expected: NDArray[Any]) -> None:
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes(), "not the same to the bit"


def test_arrays_in_any_memory_order() -> None:
    back = unpack(pack(small()))
    same(back.arrays["turned"], small().arrays["turned"])


@given(st.data())
def test_what_is_cut_off_is_refused(data: st.DataObject) -> None:
    whole = pack(small())
    with pytest.raises(SnapshotError):
        unpack(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.data())
def test_what_is_damaged_is_refused(data: st.DataObject) -> None:
    whole = bytearray(pack(small()))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SnapshotError):
        unpack(bytes(whole))


@given(st.binary(max_size=200))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        unpack(data)


@pytest.mark.parametrize(
    ("meta", "array"),
    [({"when": object()}, np.zeros(1)), ({"big": 2**70}, np.zeros(1)), ({}, np.array(["text"]))],
)
def test_what_has_no_place_in_a_snapshot_is_named(meta: dict[str, Any], array: Any) -> None:
    with pytest.raises(SnapshotError, match="can not be part of a snapshot"):
        pack(Snapshot("pond", "abc", 0, {"array": array}, meta))
