"""`lightcone bench COMMAND`: figures of a server, or of a model alone."""

from __future__ import annotations

import argparse
import json
import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from lightcone.bench import report
from lightcone.bench.errors import BenchError
from lightcone.bench.results.envelope import envelope
from lightcone.model.interface import ModelError
from lightcone.model.runtime.threads import default_threads


def main(argv: list[str]) -> int:
    """Measure, print the report on stdout; 1 and one line on stderr where it can not be done."""
    args = _parser().parse_args(argv)
    try:
        result: dict[str, Any] = import_module(args.module).run(args)
    except (BenchError, ModelError) as error:
        print(f"lightcone: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        need = f"bench needs {error.name} (pip install 'lightcone[dev]')"
        print(f"lightcone: {need}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if args.json:
        print(json.dumps(envelope(args) | result, indent=1))
    else:
        print("\n".join(report.lines(result)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightcone bench", description="Measure latency and cost."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _latency(_command(commands, "latency", "key to photon, to display and to ear"))
    _sessions(_command(commands, "sessions", "how many sessions hold their full rate"))
    _joins(_command(commands, "joins", "from joining to the first picture"))
    _fork(_command(commands, "fork", "deadlines that a fork makes others miss"))
    _recovery(_command(commands, "recovery", "how soon sessions go on in a new worker"))
    _lag(_command(commands, "lag", "how late the server's event loop is"))
    _sustain(_command(commands, "sustain", "a server and its viewers over minutes"))
    _drive(_command(commands, "drive", "an agent plays through the client for minutes"))
    _thin(_command(commands, "thin", "one viewer on a thin line beside others; needs root"))
    _soak(_command(commands, "soak", "what grows in a server that is used for long"))
    _viewers(_command(commands, "viewers", "CPU of one viewer more"))
    _snapshots(_command(commands, "snapshots", "what rolling snapshots cost"))
    _chunk(_command(commands, "chunk", "time and memory of one chunk"))
    _sizes(_command(commands, "sizes", "what the sizes of the avdit family cost"))
    _fuzz(_command(commands, "fuzz", "damaged messages, offers and snapshots"))
    _model(_command(commands, "model", "time by part of a chunk of open weights, and its floor"))
    _compare(_command(commands, "compare", "two results of one command, written by --json"))
    return parser


MODULES = {
    "latency": "latency.command",
    "drive": "driving.command",
    "chunk": "chunk_command",
    "sizes": "sizes",
    "model": "model_command",
    "fuzz": "fuzz.command",
    "compare": "results.compare",
    "soak": "soak.command",
}
"""Where a command is, if not in `serving`."""


def _command(commands: Any, name: str, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    module = MODULES.get(name, f"serving.{name}")
    parser.set_defaults(module=f"lightcone.bench.{module}", command=name)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seed", type=int, default=0, help="of the world and of the presses")
    return parser


def _server(parser: argparse.ArgumentParser, *, url: bool) -> None:
    parser.add_argument("--world", default="court", help="which world")
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
    outside = parser.add_argument_group(
        "from outside", "any page in Chromium, by what its picture and its sound do"
    )
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="also as a page")
    outside.add_argument("--subject", choices=("lightcone", "pixel"), help="pixel: any page")
    outside.add_argument(
        "--key",
        action="append",
        metavar="CODE",
        help="W3C code of a key to press; several are pressed in turn (default: the world's, or "
        "Space)",
    )
    outside.add_argument(
        "--click", action="append", metavar="SELECTOR", help="is clicked first; several in order"
    )
    outside.add_argument(
        "--selector", help="of the video, canvas or image to watch (default: the largest)"
    )
    outside.add_argument(
        "--settle",
        type=_positive_number,
        default=0.8,
        metavar="SECONDS",
        help="before a press, for the one before to be over",
    )
    outside.add_argument(
        "--hold",
        type=_positive_number,
        default=0.12,
        metavar="SECONDS",
        help="of a press, at most; longer where pictures are lost: what is not shown is not seen",
    )
    outside.add_argument(
        "--quiet",
        type=_positive_number,
        default=5.0,
        metavar="SECONDS",
        help="without a press at first: what changes by itself",
    )
    _network(parser)


def _network(parser: argparse.ArgumentParser) -> None:
    link = parser.add_argument_group(
        "an emulated network", "between server and browser, each way; takes root, and a subject"
    )
    link.add_argument("--delay-ms", type=float, default=0.0, metavar="MS", help="of each way")
    link.add_argument(
        "--jitter-ms", type=float, default=0.0, metavar="MS", help="a packet's delay is off by it"
    )
    link.add_argument(
        "--loss", type=float, default=0.0, metavar="PERCENT", help="of the packets of each way"
    )
    link.add_argument("--rate-kbps", type=float, metavar="KBPS", help="of each way")


def _sessions(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=False)
    parser.add_argument("--max", type=_positive, default=8, help="sessions at once, at most")
    parser.add_argument("--seconds", type=_positive, default=30, help="that they have to hold it")
    parser.add_argument(
        "--trial",
        type=_positive_number,
        default=5.0,
        metavar="SECONDS",
        help="that one more session is tried, before it is measured for long",
    )
    parser.add_argument("--rounds", type=_positive, default=40, help="of comparing passes")


def _joins(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=True)
    parser.add_argument("--joins", type=_positive, default=20)


def _fork(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=True)
    parser.add_argument("--forks", type=_positive, default=5, help="one after the other")


def _recovery(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=False)
    parser.add_argument("--kills", type=_positive, default=3, help="one after the other")
    parser.add_argument("--sessions", type=_positive, default=2, help="in the worker")


def _lag(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=True)
    parser.add_argument("--sessions", type=_positive, default=3, help="or as many as fit")
    parser.add_argument("--viewers", type=_positive, default=10, help="of all sessions together")
    parser.add_argument("--seconds", type=_positive, default=30)


def _snapshots(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", default="court", help="which world")
    parser.add_argument("--seconds", type=_positive, default=20, help="of world time")
    parser.add_argument("--threads", type=_positive, default=default_threads(), help="of the model")


def _sustain(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=False)
    parser.add_argument("--seconds", type=_positive, default=300)
    parser.add_argument("--viewers", type=_positive, default=1)


def _drive(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=True)
    parser.add_argument("--agent", choices=("random", "scripted"), default="random")
    parser.add_argument("--minutes", type=_positive_number, default=1.0)
    parser.add_argument("--token", help="for a server that wants one")


def _thin(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=False)
    parser.set_defaults(world="probe-noise")
    parser.add_argument("--viewers", type=_positive, default=5, help="on good lines")
    parser.add_argument("--line", default="5mbit", help="of each of them, as tc has it")
    parser.add_argument("--thin-line", default="300kbit", help="of the one")
    parser.add_argument("--settle", type=_positive, default=15, help="seconds before measuring")
    parser.add_argument("--seconds", type=_positive, default=30)


def _soak(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=False)
    parser.add_argument(
        "--minutes", type=_positive_number, default=10.0, help="of people who come and go"
    )
    parser.add_argument("--people", type=_positive, default=1, help="at once, a session each")
    parser.add_argument(
        "--warm-up",
        type=_positive,
        default=40,
        metavar="SESSIONS",
        help="first, uncounted: the server keeps the logs of the last 32 that are over",
    )
    parser.add_argument("--cycles", type=_positive, help="instead: so many join and leave")
    parser.add_argument("--sessions", type=_positive, help="instead: so many start and end")


def _viewers(parser: argparse.ArgumentParser) -> None:
    _server(parser, url=False)
    parser.add_argument("--max", type=_positive, default=10, help="viewers at once")
    parser.add_argument("--seconds", type=_positive, default=10, help="for each number of viewers")


def _chunk(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", default="court", help="which world")
    parser.add_argument("--weights", type=Path, help="folder of weights")
    parser.add_argument(
        "--steps", type=int, choices=(1, 2, 4), help="denoising steps; by default the family's own"
    )
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument(
        "--threads",
        type=_positive,
        default=default_threads(),
        help="of the model; default: as `lightcone serve`",
    )
    parser.add_argument("--chunks", type=_positive, default=200, help="measured by part")
    parser.add_argument("--batch", type=_positive, default=1, help="sessions in one step")
    parser.add_argument(
        "--real-minutes",
        type=_positive_number,
        help="also step one session for so many minutes on the clock, and compare the last one "
        "with the first one",
    )
    parser.add_argument("--unpaced", action="store_true", help="these as quickly as it can")


def _sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=2, choices=(1, 2, 4), help="denoising steps")


def _fuzz(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--messages", type=_positive, default=100_000, help="for each reader")


def _compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", type=Path, metavar="A.json")
    parser.add_argument("after", type=Path, metavar="B.json")
    parser.add_argument("--force", action="store_true", help="even what is not comparable")


def _model(parser: argparse.ArgumentParser) -> None:
    families = ("wan-1.3b", "wan-tiny", "matrix-game", "matrix-game-tiny")
    parser.add_argument("--family", choices=families, default="wan-1.3b")
    parser.add_argument(
        "--weights", default="random", help="random, or a folder with LongLive's or Matrix-Game's"
    )
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument("--threads", type=_positive, default=default_threads(), help="on a CPU")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of pictures")
    parser.add_argument("--layers", type=_positive, help="fewer, to try it on a small machine")
    parser.add_argument("--steps", type=int, choices=(1, 2, 3, 4), help="denoising steps")
    parser.add_argument("--chunk", type=_positive, help="latents of a chunk")
    parser.add_argument("--window", type=_positive, help="latents that are seen")
    parser.add_argument("--sink", type=int, help="of them, from the beginning")
    parser.add_argument("--batch", type=_positive, default=1, help="sessions in one step")
    parser.add_argument("--chunks", type=_positive, default=10, help="measured")
    kinds = ("both", "xformers", "sdpa")
    parser.add_argument("--attention", choices=kinds, default="both", help="on CUDA, one run each")
    parser.add_argument("--decoder", choices=("vae", "taehv"), default="vae")
    parser.add_argument("--fp8-kv", action="store_true", help="and the error that it makes")
    parser.add_argument("--fp8-linears", action="store_true", help="and the error that it makes")
    parser.add_argument("--graphs", action="store_true", help="of a batch of one, on CUDA")


def _size(text: str) -> tuple[int, int]:
    width, height = (_positive(side) for side in text.split("x"))
    return width, height


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _positive_number(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("must be above 0")
    return value
