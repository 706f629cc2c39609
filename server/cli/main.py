"""The command line: `lightcone serve | generate | replay | train | evaluate | ...`.

Everything heavy is imported by the command that needs it. A named error becomes one line on
stderr and exit code 1, a wrong flag exit code 2.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.interface import ModelError
from lightcone.server.errors import LightconeError

app = typer.Typer(
    name="lightcone",
    help="Worlds that are generated while you watch, hear and steer them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ActionGuidance = Annotated[
    float,
    typer.Option(
        min=0, max=10, help="How strongly actions steer a world of the avdit family; 1: as learned."
    ),
]

# these commands have parsers of their own, which also answer --help
FORWARDED = {"allow_extra_args": True, "ignore_unknown_options": True}


def main() -> None:
    # Threads that spin while they wait cost ten times their gain where a core is shared. OpenMP
    # reads this once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except (LightconeError, ModelError) as error:
        print(f"lightcone: {error}", file=sys.stderr)
        sys.exit(1)


@app.command(context_settings=FORWARDED, add_help_option=False)
def serve(context: typer.Context) -> None:
    """Serve worlds to browsers. Flags: lightcone serve --help."""
    from lightcone.server.cli.folders import make_folder
    from lightcone.server.cli.settings import parse_flags
    from lightcone.server.cli.weights import served_worlds
    from lightcone.server.http.listener import bind, check_certificate
    from lightcone.server.telemetry.logs import set_up_logs

    try:
        settings = parse_flags(context.args)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        print(f"lightcone: {where}: {first['msg']}", file=sys.stderr)
        sys.exit(2)
    set_up_logs(settings.log_level, settings.log_json)
    # what is quickest to find out comes first
    served_worlds(settings.worlds, settings.weights)
    if settings.record is not None:
        make_folder(settings.record)
    if settings.tls_cert is not None and settings.tls_key is not None:
        check_certificate(settings.tls_cert, settings.tls_key)
    with bind(settings.host, settings.port) as listener:
        from lightcone.server.cli.serve import serve as serve_worlds

        serve_worlds(settings, listener)


@app.command()
def token(
    scope: Annotated[str, typer.Option(help="admin, drive or watch.")] = "drive",
    session: Annotated[str | None, typer.Option(help="Only for this session.")] = None,
    name: Annotated[str, typer.Option(help="Whose quota counts; default: one of its own.")] = "",
    hours: Annotated[float, typer.Option(min=0.001, help="How long it lasts.")] = 1.0,
    link: Annotated[
        str, typer.Option(metavar="URL", help="Print a link to the page at this URL instead.")
    ] = "",
) -> None:
    """Print a token, or a link with a key, for a server with the same LIGHTCONE_KEY."""
    from lightcone.server.cli.token import minted

    print(minted(os.environ.get("LIGHTCONE_KEY", ""), scope, session, name, hours, link))


@app.command()
def generate(
    out: Annotated[Path, typer.Option(help="MP4 file to write.")],
    world: Annotated[
        str | None,
        typer.Option(help="Which world; default: the first of the weights, or the snapshot's."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="The same seed and actions: the same world.")
    ] = 0,
    seconds: Annotated[float, typer.Option(help="World time to generate.")] = 10.0,
    actions: Annotated[
        Path | None,
        typer.Option(help='JSON lines {"t": 1.25, "buttons": ["right"]}, held from t on.'),
    ] = None,
    prompt: Annotated[str, typer.Option(help="What the world should look like.")] = "",
    image: Annotated[
        Path | None, typer.Option(help="PNG or JPEG file that the world starts from.")
    ] = None,
    weights: Annotated[Path, typer.Option(help="Folder of weights.")] = WEIGHTS_DIR,
    steps: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Denoising steps a chunk; by default the family's own."),
    ] = None,
    device: Annotated[str, typer.Option(help="Torch device.")] = "cpu",
    action_guidance: ActionGuidance = 1.0,
    scale: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=16,
            help="Enlarge the picture; by default 4 times, to 640 pixels of width at most.",
        ),
    ] = None,
    snapshot: Annotated[
        Path | None, typer.Option(help="Start from this snapshot instead of a seed.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="Action log to write, for lightcone replay.")
    ] = None,
) -> None:
    """Generate a world into an MP4 file, as fast as it goes."""
    from lightcone.server.cli.generate import Job
    from lightcone.server.cli.generate import generate as generate_world

    generate_world(
        Job(
            out=out,
            world=world,
            seed=seed,
            seconds=seconds,
            actions=actions,
            prompt=prompt,
            image=image,
            weights=weights,
            steps=steps,
            device=device,
            action_guidance=action_guidance,
            scale=scale,
            snapshot=snapshot,
            log=log,
        )
    )


@app.command()
def replay(
    log: Annotated[Path, typer.Argument(help="Action log of a session.")],
    weights: Annotated[Path, typer.Option(help="Folder of weights.")] = WEIGHTS_DIR,
    device: Annotated[str, typer.Option(help="Torch device.")] = "cpu",
    in_batch: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Compute in a batch of this size, not the logged one."),
    ] = None,
    action_guidance: ActionGuidance = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute a session again from its action log, and compare every chunk to the bit."""
    from lightcone.model.runtime.threads import openmp
    from lightcone.server.sessions.action_log import read_log

    read = read_log(log)
    os.environ.update(openmp(read.start.threads))  # before torch is imported
    from lightcone.server.cli.replay import ReplaySettings
    from lightcone.server.cli.replay import replay as replay_log

    found = replay_log(read, ReplaySettings(weights, device, in_batch, action_guidance))
    text = f"{found.equal} of {found.chunks} chunks of {found.world} are equal to the log"
    print(json.dumps(asdict(found)) if as_json else text)
    if found.first_unequal is not None:
        number, frame = found.first_unequal
        reason = f"chunk {number} (frame {frame}) is the first that is not equal to the log"
        print(f"lightcone: {reason}", file=sys.stderr)
        sys.exit(1)


train = typer.Typer(help="Train a world.", no_args_is_help=True)
app.add_typer(train, name="train")


@train.command(context_settings=FORWARDED, add_help_option=False)
def avdit(context: typer.Context) -> None:
    """From recordings of play alone. Flags: lightcone train avdit --help."""
    _forward("lightcone.model.training.avdit.train", context)


@train.command(context_settings=FORWARDED, add_help_option=False)
def staged(context: typer.Context) -> None:
    """From our simulators: worlds of the staged family. Flags: lightcone train staged --help."""
    _forward("lightcone.model.training.train", context)


@app.command(context_settings=FORWARDED, add_help_option=False)
def evaluate(context: typer.Context) -> None:
    """Measure a world against its truth. Flags: lightcone evaluate --help."""
    _forward("lightcone.model.evaluation.evaluate", context)


@app.command(context_settings=FORWARDED, add_help_option=False)
def record(context: typer.Context) -> None:
    """Record what agents play. Flags: lightcone record --help."""
    _forward("lightcone.model.recordings.record", context)


data = typer.Typer(help="The data that training sees.", no_args_is_help=True)
app.add_typer(data, name="data")


@data.command(context_settings=FORWARDED, add_help_option=False)
def preview(context: typer.Context) -> None:
    """Recordings or simulated clips on one page. Flags: lightcone data preview --help."""
    _forward("lightcone.model.evaluation.preview", context)


@data.command(context_settings=FORWARDED, add_help_option=False)
def pack(context: typer.Context) -> None:
    """Decode recordings once, for training. Flags: lightcone data pack --help."""
    _forward("lightcone.model.recordings.pack", context)


@data.command("import", context_settings=FORWARDED, add_help_option=False)
def import_(context: typer.Context) -> None:
    """Recordings of LeRobot or OWL Control. Flags: lightcone data import --help."""
    _forward("lightcone.model.recordings.exchange.importer", context)


@data.command("export", context_settings=FORWARDED, add_help_option=False)
def export(context: typer.Context) -> None:
    """Recordings for LeRobot. Flags: lightcone data export --help."""
    _forward("lightcone.model.recordings.exchange.exporter", context)


@app.command(context_settings=FORWARDED, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Measure latency and cost. Flags: lightcone bench --help."""
    _forward("lightcone.bench.cli", context)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the control protocol."""
    from lightcone.server.control.protocol import schema as protocol_schema

    print(json.dumps(protocol_schema(), indent=2))


def _forward(module: str, context: typer.Context) -> None:
    raise typer.Exit(importlib.import_module(module).main(context.args))
