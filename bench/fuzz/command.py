"""`bench fuzz`: the readers of control messages, offers and snapshots are given damaged ones."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection

from lightcone.bench.errors import BenchError

CHILD = "lightcone.bench.fuzz.child"
READERS = ("control", "offer", "snapshot")
SLOWEST_S = 120  # of one message on a busy machine: longer is a defect
MEMORY_MB = 2048
LONGEST = 2000  # bytes that a message is made from
SEEDS = 32


def run(args: Namespace) -> dict[str, Any]:
    """Raises BenchError where a reader does anything but take or refuse a message."""
    if find_spec("atheris") is None:
        raise BenchError("fuzzing needs atheris, which there is for Linux on x86-64")
    offer = asyncio.run(_offer())
    return {
        "seed": args.seed,
        "readers": {name: _fuzz(name, args.messages, args.seed, offer) for name in READERS},
    }


def _fuzz(name: str, messages: int, seed: int, offer: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "offer.sdp").write_text(offer)
        _sow(folder / "corpus", seed)
        began = time.monotonic()
        flags = [
            f"-seed={seed + 1}",  # 0 is any
            f"-timeout={SLOWEST_S}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-max_len={LONGEST}",
            "-len_control=0",  # long ones from the first on
            f"-artifact_prefix={folder}/",
            str(folder / "corpus"),
        ]
        child = [sys.executable, "-m", CHILD, name, str(messages), temporary]
        done = subprocess.run([*child, *flags], capture_output=True, text=True, check=False)
        took_s = time.monotonic() - began
        counts = folder / "counts.json"
        if done.returncode or not counts.is_file():
            raise BenchError(f"the reader of {name} has a defect: {_reason(done.stderr)}")
        found: dict[str, int] = json.loads(counts.read_text())
    taken = found.pop("taken", 0)
    refused = dict(sorted(found.items()))
    return {"messages": messages, "taken": taken, "refused": refused, "seconds": round(took_s, 1)}


def _sow(corpus: Path, seed: int) -> None:
    """What the fuzzer begins with: enough bytes for many draws."""
    corpus.mkdir()
    random = Random(seed)
    for index in range(SEEDS):
        (corpus / str(index)).write_bytes(random.randbytes(LONGEST // 4))


def _reason(log: str) -> str:
    """What the fuzzer wrote last about what was raised."""
    lines = log.splitlines()
    starts = [at for at, line in enumerate(lines) if "Uncaught Python exception" in line]
    shown = lines[starts[0] + 1 :] if starts else lines[-20:]
    return " | ".join(shown)[:2000]


async def _offer() -> str:
    """As a viewer makes it."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in ("video", "audio"):
        peer.addTransceiver(kind, direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    sdp: str = peer.localDescription.sdp
    await peer.close()
    return sdp
