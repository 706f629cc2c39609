"""States and weights of the staged family as data: snapshots, fingerprints, files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from staged_states import (
    action_log,
    after,
    copied,
    play,
    prompted,
    start,
    unchanged,
)

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import (
    SnapshotError,
    WeightsError,
    collect,
)
from lightcone.model.runtime.snapshot import pack, unpack


@pytest.mark.parametrize("chunks", [0, 1, 8])
def test_a_snapshot_goes_on_as_the_state_does(model: StagedModel, chunks: int) -> None:
    log = action_log(chunks + 6)
    state, _ = prompted(model, start(model, 3, "beach"), "gym", "blend", 9)
    state = [state, *after(model, state, log[:chunks])][-1]
    snapshot = unpack(pack(model.snapshot(state)))
    assert (snapshot.world, snapshot.frame) == ("court", 2 * chunks)
    restored = model.restore(snapshot)
    assert model.digest(restored) == model.digest(state)
    expected = [collect(model, [s], [log[-1]])[1][0] for s in (state, restored)]
    assert np.array_equal(expected[0].frames, expected[1].frames)
    assert np.array_equal(expected[0].sound, expected[1].sound)  # type: ignore[arg-type]
    assert torch.equal(play(model, restored, log[chunks:]), play(model, state, log[chunks:]))


def test_a_snapshot_shares_nothing_with_the_state(model: StagedModel) -> None:
    state = start(model, 3)
    before = copied(state)
    for array in model.snapshot(state).arrays.values():
        array[...] = 0
    assert unchanged(state, before)


def test_a_snapshot_in_bfloat16(half: StagedModel, model: StagedModel) -> None:
    state = after(half, start(half, 3), action_log(4))[-1]
    snapshot = unpack(pack(half.snapshot(state)))
    [again], _ = collect(half, [half.restore(snapshot)], action_log(1))
    [expected], _ = collect(half, [state], action_log(1))
    assert half.digest(again) == half.digest(expected)
    with pytest.raises(SnapshotError, match="another model"):
        model.restore(snapshot)


def test_snapshots_that_do_not_fit_are_refused(model: StagedModel) -> None:
    snapshot = model.snapshot(start(model, 3))
    with pytest.raises(SnapshotError, match="another model"):
        model.restore(replace(snapshot, fingerprint="other"))
    with pytest.raises(SnapshotError, match="atlantis"):
        model.restore(replace(snapshot, world="atlantis"))
    for wrong in (
        replace(snapshot, world="pond"),  # has other facts
        replace(snapshot, meta={}),
        replace(snapshot, frame=7),
        replace(snapshot, arrays={**snapshot.arrays, "keys": snapshot.arrays["keys"][:, :, 1:]}),
        replace(snapshot, arrays={n: a for n, a in snapshot.arrays.items() if n != "tail.0"}),
    ):
        with pytest.raises(SnapshotError, match="no state of a staged world"):
            model.restore(wrong)


def test_a_fingerprint_names_the_weights_and_the_number_format(
    weights: Weights, model: StagedModel, half: StagedModel, tmp_path: Path
) -> None:
    assert StagedModel(weights, ["pond"], steps=2).fingerprint == model.fingerprint
    assert half.fingerprint != model.fingerprint
    weights.save(tmp_path)
    loaded = StagedModel(Weights.load(tmp_path)).fingerprint
    assert loaded == StagedModel(Weights.load(tmp_path)).fingerprint
    assert loaded != model.fingerprint, "on disk there are fewer digits"


# weights


def test_weights_survive_the_way_to_disk(
    weights: Weights, model: StagedModel, tmp_path: Path
) -> None:
    weights.save(tmp_path)
    loaded = StagedModel(Weights.load(tmp_path))
    log = action_log(2)
    torch.testing.assert_close(
        play(loaded, start(loaded, 2), log), play(model, start(model, 2), log), atol=0.05, rtol=0.05
    )


def test_bad_weights_are_named(weights: Weights, tmp_path: Path) -> None:
    settings = ModelSettings(weights=tmp_path)
    with pytest.raises(WeightsError, match="missing"):
        open_model(("court",), settings)
    weights.save(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="corrupt"):
        open_model(("court",), settings)
    (tmp_path / "model.safetensors").write_bytes(whole)
    config = json.loads((tmp_path / "config.json").read_text())
    config["transformer"]["width"] = 64
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="another architecture"):
        open_model(("court",), settings)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="corrupt"):
        open_model(("court",), settings)
