"""What a page showed and sounded, as its watcher (watch.js) hands it over. Pure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """N pictures and S blocks of sound, each in order. Moments are milliseconds of the page's
    performance.now(); NaN where the browser does not know one.

    presented (N,): when the page could see the picture; display (N,): when the browser expected it
    on the screen; arrived (N,): of its last packet; rtp (N,): its RTP timestamp;
    grey (N, H, W): 0 to 255; sound_at (S,): when a block begins at the output;
    level (S,): its root mean square, 0 to 1; presses: moment and W3C `code` of each key that went
    down.
    """

    presented: Numbers
    display: Numbers
    arrived: Numbers
    rtp: Numbers
    grey: NDArray[np.uint8]
    sound_at: Numbers
    level: Numbers
    presses: tuple[tuple[float, str], ...]


def recording(parts: Sequence[dict[str, Any]]) -> Recording:
    """From what `bench.take` returned, in order; one at least."""
    frames = [frame for part in parts for frame in part["frames"]]
    columns = np.array(frames, np.float64).reshape(-1, 4)  # (N, 4); None becomes NaN
    data = b"".join(b64decode(part["pictures"]) for part in parts)
    levels = np.array([each for part in parts for each in part["levels"]], np.float64)
    levels = levels.reshape(-1, 2)  # (S, 2)
    levels = levels[np.argsort(levels[:, 0], kind="stable")]  # of several contexts
    presented, display, arrived, rtp = columns.T
    return Recording(
        presented=presented,
        display=display,
        arrived=arrived,
        rtp=rtp,
        grey=np.frombuffer(data, np.uint8).reshape(-1, *parts[0]["size"]),
        sound_at=levels[:, 0],
        level=levels[:, 1],
        presses=tuple((at, code) for part in parts for at, code in part["presses"]),
    )
