"""The demo page as a test handles it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from lightcone.model.families.probe.picture import read_axis, read_frame_code, read_ground
from lightcone.model.families.probe.variants import PROBE

PATIENCE_MS = 60_000  # a busy machine; nothing here is about time

READ_PIXELS = f"""() => {{
  const canvas = new OffscreenCanvas({PROBE.width}, {PROBE.height});
  const context = canvas.getContext('2d');
  context.drawImage(document.querySelector('video'), 0, 0, {PROBE.width}, {PROBE.height});
  return Array.from(context.getImageData(0, 0, {PROBE.width}, {PROBE.height}).data);
}}"""

PROBE_CELL = f"""(index) => {{
  const canvas = new OffscreenCanvas({PROBE.width}, {PROBE.height});
  const context = canvas.getContext('2d');
  context.drawImage(document.querySelector('video'), 0, 0, {PROBE.width}, {PROBE.height});
  return context.getImageData(32 * index + 16, 24, 1, 1).data[1];
}}"""


# Keeps every text that the element has had, in `texts`.
WATCH_TEXTS = """(selector) => {
  const element = document.querySelector(selector);
  window.texts = [element.textContent];
  new MutationObserver(() => window.texts.push(element.textContent))
    .observe(element, {childList: true});
}"""

# Keeps how far the axes were moved at each animation frame, in `moves`.
WATCH_AXES = """() => {
  window.moves = [];
  const look = () => { window.moves.push(lightcone.moved); requestAnimationFrame(look); };
  look();
}"""

# Keeps how many wait in the server's queue, in `waiting`.
WATCH_QUEUE = """() => {
  const ask = async () => {
    window.waiting = (await (await fetch('/healthz')).json()).queue;
    setTimeout(ask, 50);
  };
  void ask();
}"""

# A standard gamepad with these buttons pressed; `polled` counts how often they were looked at,
# `shaken` has how strongly it was made to vibrate.
HOLD_PAD = """([pressed, mapping]) => {
  const pad = {
    id: 'Test Pad (STANDARD GAMEPAD)', index: 0, connected: true, mapping, axes: [0, 0, 0, 0],
    buttons: Array.from({length: 17}, (_, i) => ({pressed: pressed.includes(i), value: 0})),
    vibrationActuator: {
      playEffect: async (_, {strongMagnitude}) => { window.shaken.push(strongMagnitude); },
    },
  };
  window.shaken ??= [];
  const fresh = window.pads === undefined;
  window.pads = [pad, null];
  window.polled = 0;
  navigator.getGamepads = () => { window.polled += 1; return window.pads; };
  if (fresh) dispatchEvent(Object.assign(new Event('gamepadconnected'), {gamepad: pad}));
}"""


class DemoPage:
    """Every `until` waits for what the page itself says, and fails after PATIENCE_MS."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)

    def open(self, url: str) -> None:
        self.page.goto(url)

    def until(self, condition: str) -> None:
        """A JavaScript expression over `lightcone`, once it is there, and the document."""
        self.page.wait_for_function(f"typeof lightcone !== 'undefined' && ({condition})")

    def until_live(self) -> None:
        self.until("lightcone.phase === 'live'")

    def until_role(self, role: str) -> None:
        """Until this visitor sees the session and has this role."""
        self.until(f"lightcone.phase === 'live' && lightcone.role === '{role}'")

    def until_nobody_waits(self) -> None:
        """Until the server's queue is empty."""
        self.page.evaluate(WATCH_QUEUE)
        self.until("window.waiting === 0")

    def get(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def until_cell(self, control: str, lit: bool) -> None:
        """Until the probe world's picture says that `control` is held, or is not."""
        index = [button.name for button in PROBE.buttons].index(control)
        self.until(f"({PROBE_CELL})({index}) {'>' if lit else '<'} 127")

    def until_pressed(self, control: str, pressed: bool) -> None:
        """Until the on-screen control shows that it is held, or is not."""
        state = str(pressed).lower()
        self.page.wait_for_selector(f'[data-control="{control}"][aria-pressed="{state}"]')

    def until_ground(self, word: str) -> None:
        """Until the probe world's ground has the colour of this word."""
        self._until_picture(lambda: read_ground(self.picture()) == word, word)

    def until_axis(self, value: float, within: float = 0.15, axis: int = 0) -> None:
        """Until the probe world's axis is about so far moved."""
        self._until_picture(lambda: abs(read_axis(self.picture(), axis) - value) < within, value)

    def until_frame(self, condition: Callable[[int], bool]) -> int:
        """Until this holds for the world frame that the probe's picture shows; returns it."""
        shown: list[int] = []

        def look() -> bool:
            shown.append(read_frame_code(self.picture())[0])
            return condition(shown[-1])

        self._until_picture(look, condition)
        return shown[-1]

    def _until_picture(self, shown: Callable[[], bool], what: object) -> None:
        for _ in range(PATIENCE_MS // 20):
            if shown():
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"the picture never showed {what!r}")

    def picture(self) -> NDArray[np.uint8]:
        """The frame on the screen, (96, 128, 3) RGB."""
        rgba = np.array(self.page.evaluate(READ_PIXELS), np.uint8)
        return rgba.reshape(PROBE.height, PROBE.width, 4)[:, :, :3]


def hold_pad(page: DemoPage, *buttons: int, mapping: str = "standard") -> None:
    """Press exactly these buttons of a gamepad, which is plugged in if it is not yet, until the
    page has seen it."""
    page.page.evaluate(HOLD_PAD, [list(buttons), mapping])
    page.until("window.polled > 2")
