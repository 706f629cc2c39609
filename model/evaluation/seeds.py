"""Seeds on the command line."""

from __future__ import annotations

import argparse


def parse_seeds(text: str) -> list[int]:
    """ "1000:1016" or "1000,1003"."""
    try:
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            seeds = list(range(first, last))
        else:
            seeds = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no list or range of seeds") from error
    if not seeds or min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"'{text}' names no seeds")
    return seeds
