"""`lightcone bench latency | sustain | viewers | chunk`."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from lightcone.bench import report
from lightcone.bench.errors import BenchError
from lightcone.model.catalogue import LEARNED_WORLDS
from lightcone.model.runtime.threads import default_threads


def main(argv: list[str]) -> int:
    """Measure, print the report on stdout; 1 and one line on stderr where it can not be done."""
    args = _parser().parse_args(argv)
    try:
        result: dict[str, Any] = import_module(args.module).run(args)
    except BenchError as error:
        print(f"lightcone: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        need = f"bench needs {error.name} (pip install 'lightcone[dev]')"
        print(f"lightcone: {need}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(json.dumps(result, indent=1) if args.json else "\n".join(report.lines(result)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightcone bench", description="Measure latency and cost."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _latency(_command(commands, "latency", "key-to-photon and key-to-ear"))
    _sustain(_command(commands, "sustain", "a server and its viewers over minutes"))
    _viewers(_command(commands, "viewers", "CPU of one viewer more"))
    _chunk(_command(commands, "chunk", "time and memory of one chunk, minute 1 and 60"))
    return parser


def _command(commands: Any, name: str, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(module=f"bench.{name}_command")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seed", type=int, default=0, help="of the world and of the presses")
    return parser


def _server(parser: argparse.ArgumentParser, *, url: bool) -> None:
    parser.add_argument("--world", default="court", help="which world (court, probe)")
    parser.add_argument(
        "--serve", default="", metavar="FLAGS", help="flags for `lightcone serve`, in one string"
    )
    if url:
        parser.add_argument("--url", help="a server that runs already, instead of one of its own")
    else:
        parser.set_defaults(url=None)


def _latency(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=True)
    parser.add_argument("--client", choices=("chromium", "headless", "both"), default="both")
    parser.add_argument("--presses", type=_positive, default=60, help="about 3 a second")


def _sustain(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=False)
    parser.add_argument("--seconds", type=_positive, default=300)
    parser.add_argument("--viewers", type=_positive, default=1)


def _viewers(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=False)
    parser.add_argument("--max", type=_positive, default=10, help="viewers at once")
    parser.add_argument("--seconds", type=_positive, default=10, help="for each number of viewers")


def _chunk(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", default="court", choices=LEARNED_WORLDS)
    parser.add_argument("--weights", type=Path, help="folder of weights")
    parser.add_argument("--steps", type=int, default=1, choices=(1, 2, 4), help="denoising steps")
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument(
        "--threads",
        type=_positive,
        default=default_threads(),
        help="of the model; default: as `lightcone serve`",
    )
    parser.add_argument("--chunks", type=_positive, default=200, help="at either minute")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
