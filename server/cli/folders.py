"""Folders that a command writes to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lightcone.server.errors import LightconeError


class FolderUnusable(LightconeError):
    """A folder cannot be made or written to."""


def make_folder(folder: Path) -> None:
    """Make it where it is missing. Raises FolderUnusable where nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise FolderUnusable(f"nothing can be recorded in {folder}: {reason}") from error
