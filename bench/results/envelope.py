"""What every result says of itself, beside its figures."""

from __future__ import annotations

import subprocess
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA = 1
NOT_SETTINGS = ("module", "json", "command", "report")


def envelope(args: Namespace) -> dict[str, Any]:
    """`schema` of the result, `command`, `at` (UTC), `commit` of the code (None where it is
    installed without its repository), and the `settings` that it was measured under."""
    given = {name: _plain(value) for name, value in vars(args).items()}
    return {
        "schema": SCHEMA,
        "command": args.command,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "settings": {name: given[name] for name in sorted(given) if name not in NOT_SETTINGS},
    }


def commit() -> str | None:
    """Its short hash, with -dirty where files that it knows have changed."""
    # .git is beside the folder that holds this file in a checkout, and nowhere else
    root = Path(__file__).resolve().parent.parent.parent
    if not (root / ".git").exists():
        return None
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        found = subprocess.run(describe, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
