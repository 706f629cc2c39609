"""TUN devices and a network namespace, by Linux's own tools (ip-netns(8), tun.txt)."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess

from lightcone.bench.errors import BenchError

TUN = "/dev/net/tun"
TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def check() -> None:
    """Raises BenchError where this process may not make networks."""
    if os.geteuid() != 0:
        raise BenchError("an emulated network takes root (TUN devices and a network namespace)")
    if not os.path.exists(TUN):
        raise BenchError(f"an emulated network takes {TUN} (modprobe tun)")


def open_tun(name: str) -> int:
    """A new device of IP packets; it is gone when the file is closed. Raises BenchError."""
    try:
        device = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except OSError as error:
        raise BenchError(f"no TUN device: {error.strerror}") from error
    return device


def ip(*arguments: str) -> None:
    """Raises BenchError."""
    try:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BenchError("an emulated network takes the command ip (iproute2)") from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())
        raise BenchError(f"`ip {' '.join(arguments)}` failed: {reason}") from error
