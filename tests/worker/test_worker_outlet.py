from __future__ import annotations

import asyncio

from lightcone.server.worker import messages as wire
from lightcone.server.worker.outlet import Outlet


class Written(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += bytes(data)

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def take(self) -> list[wire.FromWorker]:
        frames = list(wire.Frames().feed(self.data))
        self.data = b""
        return [wire.decode_from_worker(frame) for frame in frames]


def picture(frame: int, *, keyframe: bool = False, session: str = "a") -> wire.Picture:
    return wire.Picture(session, "H264", b"x", frame, 0, keyframe, frame)


def test_pictures_are_left_out_while_nobody_reads_and_go_on_with_a_keyframe() -> None:
    wanted: list[tuple[str, str]] = []
    written = Written()
    outlet = Outlet(written, lambda session, codec: wanted.append((session, codec)))
    outlet.send(picture(0, keyframe=True))
    outlet.pause()
    outlet.send(picture(1))
    outlet.send(picture(2, keyframe=True))
    outlet.send(wire.Pong(1))
    assert written.take() == [picture(0, keyframe=True), wire.Pong(1)]
    outlet.resume()
    assert wanted == [("a", "H264")]
    outlet.send(picture(3))
    outlet.send(picture(4, session="b"))
    outlet.send(picture(5, keyframe=True))
    outlet.send(picture(6))
    frames = [
        message.stream_frame for message in written.take() if hasattr(message, "stream_frame")
    ]
    assert frames == [4, 5, 6]
