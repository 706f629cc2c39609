"""`lightcone data export lerobot FOLDER --out DIR`"""

from __future__ import annotations

import argparse
from pathlib import Path

from lightcone.model.interface import ModelError
from lightcone.model.recordings.exchange.lerobot_write import export_lerobot
from lightcone.model.recordings.scan import scan


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="lightcone data export", description="Make a dataset for others of recordings."
    )
    parser.add_argument("format", choices=("lerobot",))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        recordings = scan(args.folder, whole=True)
        export_lerobot(recordings, args.out)
    except ModelError as error:
        parser.exit(1, f"lightcone data export: {error}\n")
    print(recordings.summary())
    print(f"{args.out}: LeRobotDataset v3.0")
    return 0
