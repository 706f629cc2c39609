"""A reader under atheris (libFuzzer), in a process of its own, which ends with the fuzzing.

Run as `python -m lightcone.bench.fuzz.child READER MESSAGES FOLDER [libFuzzer flags]`. FOLDER holds
the offer that offers are made from, and gets the counts. An exception that is no refusal, and a
line of the log that is an error, end it with another exit status than 0.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from pathlib import Path

import atheris

COUNTS, OFFER = "counts.json", "offer.sdp"


class NoErrors(logging.Handler):
    """Whatever is logged as an error is a defect."""

    def emit(self, record: logging.LogRecord) -> None:
        raise AssertionError(f"logged: {record.getMessage()}")


def main() -> None:
    name, messages, folder, *flags = sys.argv[1:]
    with atheris.instrument_imports(include=["lightcone", "aiortc.sdp"]):
        from lightcone.bench.fuzz.readers import read_control, read_offer, read_snapshot
    offer = (Path(folder) / OFFER).read_text().splitlines()
    reader = {"control": read_control, "offer": read_offer(offer), "snapshot": read_snapshot}[name]
    logging.getLogger().addHandler(NoErrors(logging.ERROR))
    counts: Counter[str] = Counter()

    def take(data: bytes) -> None:
        counts[reader(atheris.FuzzedDataProvider(data))] += 1
        if counts.total() == int(messages):  # libFuzzer leaves without a word to Python
            (Path(folder) / COUNTS).write_text(json.dumps(counts))

    atheris.Setup([sys.argv[0], f"-runs={messages}", *flags], take)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
