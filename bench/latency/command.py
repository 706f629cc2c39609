"""`bench latency`: key-to-photon and key-to-ear in Chromium and in a headless client."""

from __future__ import annotations

import asyncio
import shlex
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from lightcone.bench.errors import BenchError
from lightcone.bench.latency import in_chromium, in_headless
from lightcone.bench.link.network import network
from lightcone.bench.link.schedule import Conditions
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
    conditions = _conditions(args)
    if args.subject is not None:
        outside.check(args)
        return _seen_from_outside(args, conditions)
    if conditions != Conditions(seed=args.seed):
        raise BenchError("an emulated network takes --subject lightcone or pixel")
    with target(args.url, args.world, shlex.split(args.serve)) as server:
        clients, extra = asyncio.run(_measure(server, args))
    first = clients["chromium"] if "chromium" in clients else clients["headless"]
    top = {key: first[key] for key in TOP}
    described = asdict(machine())
    described["packages"] |= extra.pop("browser", {})
    return {"world": args.world, **top, **extra, "clients": clients, "machine": described}


def _conditions(args: Namespace) -> Conditions:
    return Conditions(args.delay_ms, args.jitter_ms, args.loss, args.rate_kbps, args.seed)


def _seen_from_outside(args: Namespace, conditions: Conditions) -> dict[str, Any]:
    with ExitStack() as stack:
        through, flags = None, shlex.split(args.serve)
        if conditions != Conditions(seed=args.seed):
            through = stack.enter_context(network(conditions))
            flags = [*through.server_flags, *flags]
        if args.subject == "pixel":
            url = args.url
        else:
            url = stack.enter_context(target(args.url, args.world, flags)).url
        url = url if through is None else through.seen_from_there(url)
        result = outside.run(args, url, through)
    counts = {} if through is None else {"network": {**asdict(conditions), **through.counts}}
    return {"world": args.world, **counts, **result}


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
