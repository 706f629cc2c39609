"""Training starts, stops and goes on from where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_worlds import CONFIG

from lightcone.model.codecs.picture import PictureCodec, PictureCodecConfig
from lightcone.model.codecs.sound import SoundCodec, SoundCodecConfig
from lightcone.model.families.staged.network.config import DEFAULT_SIZE
from lightcone.model.families.staged.network.network import (
    Network,
    known_words,
)
from lightcone.model.simulators.catalogue import SIMULATED
from lightcone.model.training import (
    codecs as train_codecs,
)
from lightcone.model.training import (
    contact_sounds,
    train,
)
from lightcone.model.training.latents import Reservoir
from lightcone.model.training.muon import (
    Muon,
    MuonAdam,
)
from lightcone.model.training.parallel import Group
from lightcone.model.training.train import (
    Recipe,
    Sequences,
    loss,
)
from lightcone.model.training.trained import load_codecs


def small_codecs(folder: Path) -> None:
    """Untrained codecs as training leaves them."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, codec in (
        ("picture", PictureCodec(PictureCodecConfig())),
        ("sound", SoundCodec(SoundCodecConfig())),
    ):
        torch.save({"module": codec.state_dict()}, folder / f"{name}.pt")


def test_training_resumes_at_the_step_it_stopped(tmp_path: Path) -> None:
    small_codecs(tmp_path)
    recipe = Recipe(steps=2, chunks=3, prefill=3, fresh=0.0, ring_clips=0)
    train.train(tmp_path, recipe, torch.device("cpu"), 1, Group())
    assert torch.load(tmp_path / "transformer.pt", weights_only=True)["step"] == 2
    recipe = Recipe(steps=3, chunks=3, prefill=3, fresh=0.0, ring_clips=0)
    train.train(tmp_path, recipe, torch.device("cpu"), 1, Group())
    saved = torch.load(tmp_path / "transformer.pt", weights_only=True)
    assert saved["step"] == 3
    assert set(saved["ema"]) == set(saved["module"])


@pytest.mark.parametrize("which", ["picture", "sound"])
def test_codec_training_resumes(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_codecs, "WORLDS", 8)
    monkeypatch.setattr(train_codecs, "CLIP_FRAMES", 30)
    for steps in ("1", "2"):
        train_codecs.main([which, "--out", str(tmp_path), "--steps", steps, "--batch", "2"])
    assert torch.load(tmp_path / f"{which}.pt", weights_only=True)["step"] == 2


def reservoir(world: str, folder: Path, capacity: int, chunks: int) -> Reservoir:
    small_codecs(folder)
    cpu = torch.device("cpu")
    generator = torch.Generator().manual_seed(0)
    words = known_words().vocabulary
    codecs = load_codecs(folder, cpu)
    return Reservoir(world, codecs, words, generator, cpu, capacity, DEFAULT_SIZE, chunks)


def predictions(
    network: Network, batch: Sequences, afresh: bool | None
) -> tuple[train.Pair, torch.Tensor]:
    """Teacher-forced, or unrolled where `afresh` is given."""
    if afresh is None:
        generator = torch.Generator().manual_seed(0)
        return train.teacher_forced(network.transformer, batch, Recipe(1), generator)
    return train.unrolled(network, batch, afresh)


@pytest.mark.parametrize("afresh", [None, False, True])
def test_the_loss_reaches_every_parameter(afresh: bool | None, tmp_path: Path) -> None:
    network = Network(CONFIG, known_words())
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    parts = []
    for world in SIMULATED:
        clips = reservoir(world, tmp_path, capacity=2, chunks=8)
        clips.refresh(1)
        parts.append(clips.batch(1, 3))
    batch = Sequences.of(network, parts)
    predicted, tau = predictions(network, batch, afresh)
    value, figures = loss(predicted, tau, batch, torch.ones(12))
    value.backward()
    assert value.isfinite()
    assert set(figures) == {"picture0", "picture1", "picture2", "sound"}
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@torch.no_grad()
def test_what_begins_from_nothing_is_told_no_picture(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Network(CONFIG, known_words())
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    clips = reservoir("court", tmp_path, capacity=1, chunks=9)
    clips.refresh(1)
    part = clips.batch(1, 3, follows=True)
    torch.testing.assert_close(part.last_picture[:, 1], part.picture[:, 0])  # the sink precedes
    batch = Sequences.of(network, [part])
    others = replace(batch, picture=batch.picture + 1, last_picture=batch.last_picture + 1)
    for afresh in (True, False):
        (first, _), tau = train.unrolled(network, batch, afresh)
        (second, _), _ = train.unrolled(network, others, afresh)
        assert bool((first[:, 1:] == second[:, 1:]).all()) == afresh
        assert tau.tolist() == [[1.0 - afresh, 0, 0, 0]]


@pytest.mark.parametrize("afresh", [None, False, True])
def test_training_in_less_precise_numbers(afresh: bool | None, tmp_path: Path) -> None:
    """As on CUDA, and on CPUs that have bfloat16."""
    network = Network(CONFIG, known_words())
    parts = []
    for world in SIMULATED:
        clips = reservoir(world, tmp_path, capacity=1, chunks=9)
        clips.refresh(1)
        parts.append(clips.batch(1, 3))
    with torch.autocast("cpu", torch.bfloat16):
        batch = Sequences.of(network, parts)
        predicted, tau = predictions(network, batch, afresh)
        value, _ = loss(predicted, tau, batch, torch.ones(12))
    value.backward()
    assert value.isfinite()


def test_sound_is_encoded_in_less_precise_numbers_too() -> None:
    codec = SoundCodec(SoundCodecConfig()).to(torch.bfloat16)
    assert codec.encode(torch.zeros(1, 2000)).dtype == torch.bfloat16


def test_a_full_reservoir_replaces_its_oldest(tmp_path: Path) -> None:
    clips = reservoir("court", tmp_path, capacity=2, chunks=9)
    clips.refresh(3)
    assert len(clips) == 2


def test_muon_moves_all_directions_of_a_matrix_alike() -> None:
    torch.manual_seed(0)
    matrix = torch.nn.Parameter(torch.zeros(16, 48))
    optimizer = Muon([matrix], Group(), lr=1.0, weight_decay=0.0, iterations=8)
    matrix.grad = torch.randn(16, 48) * torch.logspace(0, 2, 16)[:, None]
    optimizer.step()
    singular = torch.linalg.svdvals(matrix.detach())
    assert singular.min() > 0.6
    assert singular.max() < 1.3


def test_optimizer_state_survives() -> None:
    model = torch.nn.Linear(4, 4)
    first = MuonAdam(model, [model.weight], 0.02, 1e-3, Group())
    model(torch.ones(1, 4)).sum().backward()
    first.step()
    second = MuonAdam(model, [model.weight], 0.02, 1e-3, Group())
    second.load_state_dict(first.state_dict())
    assert second.state_dict().keys() == first.state_dict().keys()


def test_a_corrupt_checkpoint_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_codecs(tmp_path)
    (tmp_path / "transformer.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(SystemExit) as ended:
        train.main(["--out", str(tmp_path), "--steps", "1", "--device", "cpu"])
    assert ended.value.code == 1
    assert "transformer.pt" in capsys.readouterr().err


def test_what_contacts_add_to_the_sound_is_fitted(tmp_path: Path) -> None:
    small_codecs(tmp_path)
    _, codec = load_codecs(tmp_path, torch.device("cpu"))
    codec.fit(torch.randn(4, 16, 50))
    network = Network(CONFIG, known_words(("pond",)))
    stage = network.stages["pond"]
    contact_sounds.fit_contact_sounds(network, codec, torch.Generator().manual_seed(0), clips=24)
    contacts, added = contact_sounds.example(stage, "pond", codec, torch.Generator().manual_seed(1))
    struck = contacts.abs().sum(1) > 0
    explained = 1 - (stage.rings(contacts) - added)[struck].square().sum() / added.square().sum()
    assert float(explained.detach()) > 0
    assert stage.rings(contacts)[~struck].abs().max() == 0
