"""Values of flags that commands of recordings share."""

from __future__ import annotations

import argparse
import re


def picture_size(text: str) -> tuple[int, int]:
    """`WIDTHxHEIGHT` in pixels."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if min(size) < 16:
        raise argparse.ArgumentTypeError(f"'{text}' is no size such as 256x192 (at least 16x16)")
    return size
