"""A visitor: the page in a browser window of its own, its pictures and its sound."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext

WIDTH, HEIGHT = 128, 96
PATIENCE_MS = 60_000  # a busy machine; nothing here is about time

# Keeps every presented picture: [media time, RGBA] in `pictures`; and the connections, for
# their statistics.
WATCH = f"""(() => {{
  window.peers = []
  window.RTCPeerConnection = class extends window.RTCPeerConnection {{
    constructor(...args) {{ super(...args); window.peers.push(this) }}
  }}
  window.pictures = []
  const canvas = new OffscreenCanvas({WIDTH}, {HEIGHT})
  const context = canvas.getContext('2d', {{willReadFrequently: true}})
  const watch = () => {{
    const video = document.querySelector('video')
    video.muted = false
    const look = (_, {{rtpTimestamp}}) => {{
      video.requestVideoFrameCallback(look)
      context.drawImage(video, 0, 0, {WIDTH}, {HEIGHT})
      const {{data}} = context.getImageData(0, 0, {WIDTH}, {HEIGHT})
      window.pictures.push([rtpTimestamp / 90000, data])
    }}
    video.requestVideoFrameCallback(look)
  }}
  addEventListener('DOMContentLoaded', watch)
}})()"""

TAKE = """() => window.pictures.map(([time, data]) => {
  let bytes = ''
  for (let i = 0; i < data.length; i += 4096)
    bytes += String.fromCharCode(...data.subarray(i, i + 4096))
  return [time, btoa(bytes)]
})"""

SOUND = """async () => {
  const reports = await Promise.all(window.peers.map((peer) => peer.getStats()))
  const entries = reports.flatMap((report) => [...report.values()])
  const sound = entries.filter(({type, kind}) => type === 'inbound-rtp' && kind === 'audio').at(-1)
  return [sound.totalAudioEnergy, sound.totalSamplesDuration]
}"""

Picture = tuple[float, NDArray[np.uint8]]
"""Media time and (96, 128, 3) RGB."""


class Visitor:
    """Every `until` waits for what the page itself says, and fails after PATIENCE_MS."""

    def __init__(self, browser: Browser) -> None:
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 800, "height": 600}, bypass_csp=True
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.add_init_script(WATCH)

    def open(self, url: str, role: str = "driver") -> None:
        """Until the session is seen."""
        self.page.goto(url)
        self.until(f"lightcone.phase === 'live' && lightcone.role === '{role}'")
        self.until("lightcone.frames.length > 12")

    def until(self, condition: str) -> None:
        """A JavaScript expression over `lightcone`, `pictures` and the document."""
        self.page.wait_for_function(condition)

    def until_later(self, seconds: float) -> float:
        """Until so much more media time has been presented; returns the media time."""
        goal = self.get("lightcone.mediaTime") + seconds
        self.until(f"lightcone.mediaTime >= {goal}")
        return float(self.get("lightcone.mediaTime"))

    def get(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def pictures(self) -> list[Picture]:
        """Every picture presented so far, in order."""
        taken: list[list[Any]] = self.get(TAKE)
        return [(time, _rgb(data)) for time, data in taken]

    def sound(self) -> tuple[float, float]:
        """Energy of the sound played so far (W3C webrtc-stats, totalAudioEnergy: seconds at
        full level) and its length in seconds."""
        energy, seconds = self.get(SOUND)
        return float(energy), float(seconds)

    def close(self) -> None:
        self.context.close()


def _rgb(data: str) -> NDArray[np.uint8]:
    rgba = np.frombuffer(b64decode(data), np.uint8)
    return rgba.reshape(HEIGHT, WIDTH, 4)[:, :, :3]
