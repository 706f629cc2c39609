"""`lightcone data import lerobot|owl FOLDER --out DIR`"""

from __future__ import annotations

import argparse
from pathlib import Path

from lightcone.model.interface import ModelError
from lightcone.model.recordings.exchange.importing import Imported, Wishes
from lightcone.model.recordings.flags import picture_size
from lightcone.model.recordings.scan import scan


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="lightcone data import", description="Make recordings of what others recorded."
    )
    parser.add_argument("format", choices=("lerobot", "owl"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--world", default="", help="name of the world; default: the folder's")
    parser.add_argument("--size", type=picture_size, help="WIDTHxHEIGHT, by averaging areas")
    parser.add_argument("--fps", type=int, default=20, help="of OWL Control's sessions")
    parser.add_argument("--camera", default="", help="of LeRobot's datasets; default: the first")
    parser.add_argument("--licence", default="")
    parser.add_argument("--consent", default="")
    args = parser.parse_args(argv)
    if args.fps < 1:
        parser.error("--fps has to be 1 or more")
    try:
        imported = _imported(args)
        summary = scan(args.out).summary()
    except ModelError as error:
        parser.exit(1, f"lightcone data import: {error}\n")
    for each in imported.left_out:
        print(f"left out: {each.path}: {each.reason}")
    for note in imported.notes:
        print(note)
    print(summary)
    return 0


def _imported(args: argparse.Namespace) -> Imported:
    if args.format == "lerobot":
        from lightcone.model.recordings.exchange.lerobot_read import import_lerobot

        wishes = Wishes(args.world, args.size, args.licence, args.consent)
        return import_lerobot(args.folder, args.out, wishes, args.camera)
    from lightcone.model.recordings.exchange.owl import import_owl

    world = args.world or args.folder.absolute().name
    wishes = Wishes(world, args.size, args.licence, args.consent)
    return import_owl(args.folder, args.out, wishes, args.fps)
