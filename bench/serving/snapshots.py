"""`bench snapshots`: what the rolling set of snapshots costs beside the chunks."""

from __future__ import annotations

import contextlib
import os
import time
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from lightcone.bench.machine import machine
from lightcone.bench.statistics import spread
from lightcone.model.catalogue import open_model
from lightcone.model.interface import collect
from lightcone.model.runtime.snapshot import pack, unpack
from lightcone.model.runtime.threads import openmp

MEASURED = (
    "time of taking a snapshot and making bytes of it, once a second of world time, over the time "
    "of the chunks of that second; in this process, alone, after a second that does not count"
)
WARM_UP_S = 1  # kernels are compiled, caches filled and memory taken


def run(args: Namespace) -> dict[str, Any]:
    os.environ.update(openmp(args.threads))  # torch reads this when it is imported
    chunks: list[float] = []
    snapshots: list[float] = []
    restores: list[float] = []
    with contextlib.closing(open_model((args.world,))) as model:
        info = model.worlds[args.world]
        state: Any = model.start(args.world, args.seed, model.prepare(args.world))
        size = 0
        for second in tqdm(range(WARM_UP_S + args.seconds), unit="s", leave=False):
            if second == WARM_UP_S:
                for times in (chunks, snapshots, restores):
                    times.clear()
            end = state.frame + info.fps
            while state.frame < end:
                actions = info.actions([], frames=info.frames_of(state.chunk))
                began = time.perf_counter()
                [state], _ = collect(model, [state], [actions])
                chunks.append(time.perf_counter() - began)
            began = time.perf_counter()
            data = pack(model.snapshot(state))
            snapshots.append(time.perf_counter() - began)
            size = len(data)
            began = time.perf_counter()
            restored = model.restore(unpack(data))
            restores.append(time.perf_counter() - began)
            model.release(restored)
    return {
        "world": args.world,
        "measured": MEASURED,
        "share_of_chunk_time": round(sum(snapshots) / sum(chunks), 4),
        "snapshot_ms": asdict_of(snapshots),
        "restore_ms": asdict_of(restores),
        "chunk_ms": asdict_of(chunks),
        "bytes": size,
        "threads": args.threads,
        "machine": asdict(machine()),
    }


def asdict_of(seconds: list[float]) -> dict[str, Any] | None:
    found = spread([1000 * each for each in seconds], 2)
    return None if found is None else asdict(found)
