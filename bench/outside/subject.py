"""What differs between the pages that are measured.

A third kind is a class with these members, and a line in `command.SUBJECTS`:

    class Arcade:
        selector = "#screen"

        def __init__(self, settings: Settings) -> None: ...

        @asynccontextmanager
        async def opened(self, page: WatchedPage) -> AsyncIterator[Sequence[str]]:
            await page.goto(self.url)
            await page.click("#insert-coin")
            yield ["Space"]

        async def details(self, page: WatchedPage) -> None:
            return None
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from lightcone.bench.outside.page import WatchedPage


@dataclass(frozen=True)
class Settings:
    """Of the command: where the page is, what is pressed (empty: the subject's own choice), what
    is clicked first, which element is watched (None: the largest)."""

    url: str
    keys: tuple[str, ...] = ()
    clicks: tuple[str, ...] = ()
    selector: str | None = None
    world: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Known:
    """What the page itself knows of one press, in milliseconds of performance.now().

    `pressed` is the key event's own moment; `sent` when it went to the server; `waited` and `made`
    how long it then waited for a chunk, and how long that took, or None; `receipt` when the answer
    of the server came; `media_time` (seconds) is that of the first frame with it, by the server.
    """

    pressed: float
    sent: float
    waited: float | None
    made: float | None
    receipt: float
    media_time: float


class Subject(Protocol):
    @property
    def selector(self) -> str | None:
        """Of the element with the picture; None: the largest."""

    def opened(self, page: WatchedPage) -> AbstractAsyncContextManager[Sequence[str]]:
        """The page while it answers presses; gives the W3C `code` of each key to press. Raises
        BenchError."""

    async def details(self, page: WatchedPage) -> Sequence[Known] | None:
        """What the page knows of the presses so far, in order, without those that were lost; None
        where it knows nothing."""
