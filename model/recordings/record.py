"""`lightcone record --env vizdoom/basic --agent random --minutes 5 --seed 1 --out DIR`

Agents play, and everything is kept: pictures, sound, inputs, numbers, and where things are. Many
processes record an episode each. Minutes are of world time, in total. The same seed gives the same
recordings, whatever the number of processes; a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from lightcone.model.families.staged.definition import WORLDS as SIMULATED
from lightcone.model.interface import ModelError, WorldInfo
from lightcone.model.recordings.crew import Crew
from lightcone.model.recordings.flags import picture_size
from lightcone.model.recordings.format import BrokenEpisode, RecordingFailed
from lightcone.model.recordings.job import Job
from lightcone.model.recordings.plan import Plan
from lightcone.model.recordings.players.agents import AGENTS, find_agent
from lightcone.model.recordings.reader import read_episode
from lightcone.model.recordings.scan import scan


@dataclass(frozen=True)
class Done:
    """Frames that are there for the run, those of them that were there before, and the seconds it
    took."""

    frames: int
    before: int
    seconds: float


def record(job: Job, seconds: float, processes: int) -> Done:
    """Record so much world time in total. Raises ModelError; whole episodes stay, also where
    KeyboardInterrupt ends it."""
    if job.env not in SIMULATED:
        find_agent(job.agent)  # the quickest to find out
    with Crew(job, processes) as crew:
        info = crew.info()
        wanted, most = (max(round(s * info.fps), 1) for s in (seconds, job.episode_seconds))
        there = existing(job, info)
        before = sum(there.values())
        if before >= wanted:
            return Done(before, before, 0.0)
        plan = Plan(wanted, most)
        for index, frames in there.items():
            plan.take(index, frames)
        begun = time.perf_counter()
        with tqdm(total=wanted, initial=before, unit=" frames", mininterval=0.5) as bar:

            def grown(frames: int) -> None:
                """What is made anew, or beyond what is wanted, does not show."""
                bar.update(min(frames, wanted - bar.n))

            crew.run(plan, grown)
    for index in plan.beyond():  # once no process can finish one any more
        shutil.rmtree(job.out / job.name_of(index), ignore_errors=True)
    return Done(wanted, before, time.perf_counter() - begun)


def existing(job: Job, info: WorldInfo) -> dict[int, int]:
    """Frames by number of the job's episodes that are whole in its folder. The last one of an
    earlier run, which was cut to make that up, is not among them: it is made anew. Raises
    RecordingFailed for recordings that were made with other settings."""
    found: dict[int, int] = {}
    for path in sorted(job.out.glob(job.name_of(0).removesuffix("000000") + "[0-9]*")):
        try:
            meta = read_episode(path).meta
        except BrokenEpisode:
            continue
        if (meta.info, meta.source) != (info, job.source):
            raise RecordingFailed(f"{path} was recorded with other settings: take another --out")
        if meta.ended or meta.frames == round(job.episode_seconds * info.fps):
            found[int(path.name.rpartition("-")[2])] = meta.frames
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="lightcone record",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--env",
        required=True,
        help=f"vizdoom/SCENARIO, a name of gymnasium, or a simulator ({', '.join(SIMULATED)})",
    )
    parser.add_argument(
        "--agent",
        default="random",
        help=f"{', '.join(AGENTS)}, or MODULE:FUNCTION, of a WorldInfo and a seed, that returns a "
        "function of a View (model/recordings/players/agents.py) that returns inputs; simulators "
        "are played by their own drivers",
    )
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float)
    length.add_argument("--hours", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--size", type=picture_size, help="WIDTHxHEIGHT of the pictures")
    parser.add_argument(
        "--action-repeat", type=int, default=2, help="frames for which an agent keeps its inputs"
    )
    parser.add_argument(
        "--episode-seconds", type=float, default=60.0, help="an episode is cut after this long"
    )
    parser.add_argument("--world", default="", help="the name that the recorded world has")
    parser.add_argument("--licence", default="", help="of the recordings")
    args = parser.parse_args(argv)
    seconds = 60 * args.minutes if args.hours is None else 3600 * args.hours
    if not (seconds > 0 and args.episode_seconds > 0):
        parser.error("times have to be positive")
    if args.seed < 0 or min(args.processes, args.action_repeat) < 1:
        parser.error("--seed has to be 0 or more, --processes and --action-repeat 1 or more")
    job = Job(
        env=args.env.removeprefix("env:"),
        out=args.out.absolute(),
        seed=args.seed,
        agent=args.agent,
        world=args.world,
        action_repeat=args.action_repeat,
        size=args.size,
        episode_seconds=args.episode_seconds,
        licence=args.licence,
    )
    try:
        done = record(job, seconds, args.processes)
        summary = scan(args.out).summary()
    except ModelError as error:
        parser.exit(1, f"lightcone record: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"lightcone record: stopped; whole episodes are in {args.out}\n")
    if done.seconds:
        print(f"{(done.frames - done.before) / done.seconds:.0f} frames a second")
    print(summary)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
