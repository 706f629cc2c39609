"""A process that decodes pictures, for the server that started it.

Run as `python -m lightcone.server.pictures.process MEMORY CPU_SECONDS MAX_PIXELS`. Orders come on
standard input and answers go to standard output, each with its length before it; it ends when its
input does. It can open no file and start no process, writes nothing, and is killed by the system
when one picture takes more time of the CPU than it may.
"""

from __future__ import annotations

import io
import os
import resource
import sys

from PIL import Image

from lightcone.server.pictures.errors import BadImage
from lightcone.server.pictures.framing import ANSWER, DONE, ORDER, REFUSED
from lightcone.server.pictures.still import ORIENTATION, still

NICENESS = 10  # streams come first


def main() -> None:
    memory, cpu_s, max_pixels = (int(argument) for argument in sys.argv[1:])
    os.nice(NICENESS)
    _rehearse()
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_NOFILE, 3)  # standard input, output and error
    orders, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := orders.read(ORDER.size):
        width, height, length = ORDER.unpack(head)
        data = orders.read(length)
        _limit_cpu(cpu_s)
        verdict, answer = _answer(data, width, height, max_pixels)
        answers.write(ANSWER.pack(verdict, len(answer)) + answer)
        answers.flush()


def _rehearse() -> None:
    """Pillow imports much of itself when first needed, which it could not do without files."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    for mode, format in (("I;16", "PNG"), ("RGBA", "PNG"), ("RGB", "JPEG")):
        file = io.BytesIO()
        Image.new(mode, (8, 6)).save(file, format, exif=exif)
        still(file.getvalue(), 4, 4)


def _answer(data: bytes, width: int, height: int, max_pixels: int) -> tuple[int, bytes]:
    try:
        return DONE, still(data, width, height, max_pixels)
    except BadImage as error:
        return REFUSED, str(error).encode()


def _limit(which: int, most: int) -> None:
    resource.setrlimit(which, (most, most))


def _limit_cpu(seconds: int) -> None:
    """So much more than it has used. The hard limit stays, so that the next picture can have as
    much again."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds, hard))


if __name__ == "__main__":
    main()
