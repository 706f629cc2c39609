"""Whether the pictures of a viewer are sent twice. Pure: `now` is monotonic seconds."""

from __future__ import annotations

BEGIN, END, MOST = 0.03, 0.01, 0.3  # share of packets lost
CLEAR_S = 3.0  # for which the limit must not have been lowered before
PAUSE_S, LONGEST_PAUSE_S = 30.0, 480.0


class Repeats:
    """A line that loses packets at random, as bad radio does, has room for a second copy, and what
    one copy loses then costs no round trip. A line that is full loses packets too, and a second
    copy would make that worse. The receiver's limit (REMB), which follows the queueing delay, tells
    the two apart: repeats begin after losses under a limit that was not lowered for `CLEAR_S`. They
    stop when it is lowered, and the pause after that is twice as long each time.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._clear_since: float | None = None
        self._not_before = 0.0
        self._pause_s = PAUSE_S

    def update(self, now: float, loss: float, overused: bool | None) -> None:
        """After a window in which this share of packets was lost. `overused`: the receiver has
        lowered its limit; None where it has named none, and then nothing is repeated."""
        clear = overused is False and loss < MOST
        if not clear:
            if self.wanted:
                self._not_before = now + self._pause_s
                self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self.wanted, self._clear_since = False, None
        elif self.wanted:
            self.wanted = loss >= END
        else:
            self._clear_since = now if self._clear_since is None else self._clear_since
            long_enough = now >= max(self._clear_since + CLEAR_S, self._not_before)
            self.wanted = long_enough and loss >= BEGIN
