"""`bench latency`: key-to-photon and key-to-ear in Chromium and in a headless client."""

from __future__ import annotations

import asyncio
import shlex
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from lightcone.bench.errors import BenchError
from lightcone.bench.latency import in_chromium, in_headless
from lightcone.bench.machine import machine
from lightcone.bench.outside import command as outside
from lightcone.bench.results.envelope import envelope
from lightcone.bench.results.page import page
from lightcone.bench.server_process import (
    Target,
    target,
)

TOP = ("key_to_photon_ms", "key_to_display_ms", "key_to_ear_ms", "fps", "stalls", "lost")


def run(args: Namespace) -> dict[str, Any]:
    """The report, which is also written as a page where that is asked for. Raises BenchError."""
    if args.report is not None and not args.report.parent.is_dir():
        raise BenchError(f"no folder {args.report.parent} for the report")
    result = _result(args)
    if args.report is not None:
        args.report.write_text(page(envelope(args) | result))
    return result


def _result(args: Namespace) -> dict[str, Any]:
    """Chromium's figures on top where it was measured, else the headless ones. With a subject
    those of its page, seen from outside."""
    if args.subject is not None:
        outside.check(args)
    if args.subject == "pixel":
        return outside.run(args, args.url)
    if args.subject == "lightcone":
        with target(args.url, args.world, shlex.split(args.serve)) as server:
            return {"world": args.world, **outside.run(args, server.url)}
    with target(args.url, args.world, shlex.split(args.serve)) as server:
        clients, extra = asyncio.run(_measure(server, args))
    first = clients["chromium"] if "chromium" in clients else clients["headless"]
    top = {key: first[key] for key in TOP}
    described = asdict(machine())
    described["packages"] |= extra.pop("browser", {})
    return {"world": args.world, **top, **extra, "clients": clients, "machine": described}


async def _measure(server: Target, args: Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    clients: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    if args.client in ("headless", "both"):
        figures, checked = await in_headless.measure(server, args.world, args.presses, args.seed)
        clients["headless"] = asdict(figures)
        if checked is not None:
            extra |= {
                "receipt_error_frames": checked.receipt_error_frames,
                "beep_error_ms": checked.beep_error_ms,
                "probe": asdict(checked),
            }
    if args.client in ("chromium", "both"):
        figures, version = await in_chromium.measure(server, args.world, args.presses, args.seed)
        clients["chromium"] = asdict(figures)
        extra["browser"] = {"chromium": version}
    return clients, extra
