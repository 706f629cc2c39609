"""Receipts against what really arrived, on the probe world.

The probe writes its world frame and what is held into its pixels, and sounds a tone while anything
is held (model/families/probe/picture.py): 16 cells along the top are the frame mod 65536 in binary,
most significant first; the row below has one cell for each control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightcone.bench.clients.control import Receipt
from lightcone.bench.clients.pictures import decoded
from lightcone.bench.clients.sound import (
    line_up,
    tone_onsets,
)
from lightcone.client.media.rtp import Picture
from lightcone.client.media.sound import Sound

CODE_BITS = 16
CONTROLS = 4
ROWS = 6  # cells of the code's size in the picture's height


@dataclass(frozen=True)
class Seen:
    """`frame` is that of the RTP timestamp, `code` (mod 65536) and `held` those of the pixels."""

    frame: int
    code: int
    held: tuple[bool, ...]


@dataclass(frozen=True)
class ProbeCheck:
    """Errors are the largest over all presses, None where none could be checked.

    `code_errors` counts pictures whose pixels name another frame than their RTP timestamp,
    `receipt_error_frames` is from a receipt's frame to the one that first shows the press,
    `beep_error_ms` from a receipt's media time to the tone's onset in the decoded sound.
    `unseen` and `unheard` are receipts without a picture or a tone within half a second.
    """

    pictures: int
    code_errors: int
    receipt_error_frames: int | None
    unseen: int
    beep_error_ms: float | None
    unheard: int


def decode(pictures: Sequence[Picture], codec: str, fps: int) -> list[Seen]:
    """`codec` as in SDP."""
    seen = []
    for picture, frame in decoded(codec, pictures):
        code, held = read_frame_code(frame.to_ndarray(format="gray"))
        seen.append(Seen(round(picture.media_time * fps), code, held))
    return seen


def read_frame_code(luma: NDArray[Any]) -> tuple[int, tuple[bool, ...]]:
    """Frame number mod 65536 and what is held, from a (H, W) picture of any size."""
    height, width = luma.shape
    first, second = (luma[int((row + 0.5) * height / ROWS)] > 127 for row in range(2))
    bits = [first[int((bit + 0.5) * width / CODE_BITS)] for bit in range(CODE_BITS)]
    held = [second[int((i + 0.5) * width / CONTROLS)] for i in range(CONTROLS)]
    return int(np.packbits(bits).view(">u2")[0]), tuple(bool(on) for on in held)


def check(
    presses: Sequence[tuple[int, Receipt]],
    seen: Sequence[Seen],
    sounds: Sequence[Sound],
    fps: int = 24,
) -> ProbeCheck:
    """`presses` are the index of the control that went down and the receipt."""
    frame_errors = [frame_error(control, receipt, seen, fps) for control, receipt in presses]
    beep_errors: list[float | None] = []
    if sounds:
        start, samples = line_up(sounds)
        onsets = [start + at for at in tone_onsets(samples)]
        beep_errors = [nearest(receipt.media_time, onsets) for _, receipt in presses]
    frames = [abs(error) for error in frame_errors if error is not None]
    beeps = [abs(error) for error in beep_errors if error is not None]
    return ProbeCheck(
        pictures=len(seen),
        code_errors=sum(picture.frame % 2**CODE_BITS != picture.code for picture in seen),
        receipt_error_frames=max(frames, default=None),
        unseen=frame_errors.count(None),
        beep_error_ms=round(1000 * max(beeps), 2) if beeps else None,
        unheard=beep_errors.count(None),
    )


def frame_error(control: int, receipt: Receipt, seen: Sequence[Seen], fps: int = 24) -> int | None:
    """Frames from the one that the receipt names to the one where the control's cell lights up;
    None where it does not within half a second. Where the frames just before were not seen, as a
    newer one overtook them, it can be any of these."""
    dark, before = True, seen[0].frame - 1 if seen else 0
    edges = []
    for picture in seen:
        if picture.held[control] and dark:
            edges.append(min(max(receipt.frame, before + 1), picture.frame))
        dark, before = not picture.held[control], picture.frame
    error = nearest(receipt.frame / fps, [edge / fps for edge in edges])
    return None if error is None else round(error * fps)


def nearest(time: float, events: Sequence[float], within: float = 0.5) -> float | None:
    """From `time` to the event nearest to it, in seconds; None if that is too far off."""
    errors = sorted((event - time for event in events), key=abs)
    return errors[0] if errors and abs(errors[0]) <= within else None
