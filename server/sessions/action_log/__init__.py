"""The action log of a session: all that is needed to compute it again, as lines of JSON.

    {"lightcone_log": 1, "world": ..., "frame": 0, ...}   how it started: `LogStart`
    {"f": 0, "n": 2, "a": [[1, 0]], "b": [4, 1, 1, 1], "d": "9f..."}   a chunk
    {"prompt": "night", "how": "cut", "chunks": 12, "f": 48}   before the chunk at this frame
    {"rewind": 24}                 the session went back to this frame
    {"restored": 48}               the same, because its worker was lost
    {"fork": "f3k9", "f": 96}      another session began from here; changes nothing in this one
    {"end": 212, "check": "4c..."}   how many chunks, and BLAKE2b of all bytes before this line

All frames are world frames. A chunk: its first frame, number of frames, actions frame by frame,
shape of the computation (batch size, row, threads, denoising steps), digest of its latents. Of the
actions, rows at the end that are equal to the one before are left out, and "a" where nothing
changed since the line before; before the first line everything is at rest. Floats are exact.

To go back is to go to the state as the chunk before that frame left it: prompts given at that
frame are not in it. A frame that no chunk of this log ends at comes with a snapshot.
"""

from __future__ import annotations

from lightcone.server.sessions.action_log.entries import (
    ActionLog,
    Entry,
    LoggedChunk,
    LoggedFork,
    LoggedPrompt,
    LoggedReturn,
    LogStart,
    Shape,
    control_names,
)
from lightcone.server.sessions.action_log.png import encode_png
from lightcone.server.sessions.action_log.reader import LogError, parse_log, read_log
from lightcone.server.sessions.action_log.writer import LogWriter

__all__ = [
    "ActionLog",
    "Entry",
    "LogError",
    "LogStart",
    "LogWriter",
    "LoggedChunk",
    "LoggedFork",
    "LoggedPrompt",
    "LoggedReturn",
    "Shape",
    "control_names",
    "encode_png",
    "parse_log",
    "read_log",
]
