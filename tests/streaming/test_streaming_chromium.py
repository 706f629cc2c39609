"""A session in real Chromium: H264 and Opus arrive, and RTP timestamps are media time."""

from __future__ import annotations

import pytest
from playwright.async_api import async_playwright
from streaming_harness import CODE_BITS, FORMAT, PacedSession

from lightcone.bench.browser import launch_options
from lightcone.streaming import StreamFormat

OPTIONS = launch_options()
OPTIONS["args"].append("--autoplay-policy=no-user-gesture-required")

PAGE = """
<video autoplay playsinline></video>
<script>
async function watch(pictures) {
  const video = document.querySelector("video")
  const canvas = new OffscreenCanvas(256, 192)
  const context = canvas.getContext("2d", {willReadFrequently: true})
  const seen = []
  const enough = new Promise(resolve => {
    const look = (now, frame) => {
      context.drawImage(video, 0, 0, 256, 192)
      const row = context.getImageData(0, 48, 256, 1).data
      let code = 0
      for (let bit = 0; bit < BITS; bit++)
        code = code * 2 + (row[4 * Math.floor((bit + 0.5) * 256 / BITS)] > 127)
      seen.push([frame.rtpTimestamp, code])
      seen.length < pictures ? video.requestVideoFrameCallback(look) : resolve()
    }
    video.requestVideoFrameCallback(look)
  })
  const peer = new RTCPeerConnection()
  const stream = new MediaStream()
  peer.ontrack = event => stream.addTrack(event.track)
  video.srcObject = stream
  peer.addTransceiver("video", {direction: "recvonly"})
  peer.addTransceiver("audio", {direction: "recvonly"})
  await peer.setLocalDescription()
  await new Promise(resolve => {
    if (peer.iceGatheringState === "complete") resolve()
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve()
  })
  const sdp = await whep(peer.localDescription.sdp)
  await peer.setRemoteDescription({type: "answer", sdp})
  await enough
  const reports = [...(await peer.getStats()).values()]
  const inbound = reports.filter(report => report.type === "inbound-rtp")
  for (const report of inbound)
    report.mimeType = reports.find(other => other.id === report.codecId).mimeType
  peer.close()
  return {seen, inbound, offer: peer.localDescription.sdp}
}
</script>
""".replace("BITS", str(CODE_BITS))


@pytest.mark.parametrize(
    "format",
    [FORMAT, StreamFormat(64, 48, 35, 44_100), StreamFormat(64, 48, 16, None)],
    ids=["24fps", "35fps-44100", "16fps-silent"],
)
async def test_chromium_gets_h264_opus_and_media_time(format: StreamFormat) -> None:
    ticks = 90_000 / format.fps
    session = PacedSession(format)
    session.play()

    async def whep(sdp: str) -> str:
        _, answer = await session.stream.offer(sdp)
        return answer

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**OPTIONS)
        page = await browser.new_page()
        await page.expose_function("whep", whep)
        await page.set_content(PAGE)
        result = await page.evaluate("watch(24)")
        stand = session.pause()
        still = await page.evaluate("watch(1)")
        await browser.close()
    await session.close()

    inbound = {report["kind"]: report for report in result["inbound"]}
    assert inbound["video"]["mimeType"] == "video/H264"
    assert inbound["video"]["packetsLost"] == 0
    if format.sample_rate is None:
        assert "audio" not in inbound
    else:
        assert inbound["audio"]["mimeType"] == "audio/opus"
        assert inbound["audio"]["packetsLost"] == 0
        assert inbound["audio"]["totalAudioEnergy"] > 0
    # The page's first picture may come before the canvas can draw it.
    for timestamp, code in result["seen"][1:]:
        frame = round(timestamp / ticks)
        assert frame % 2**CODE_BITS == code
        assert abs(timestamp - frame * ticks) < 4  # repeated as a keyframe: a few ticks later
    # Who joins a session that stands still sees its last picture: nothing came after it.
    (timestamp, _), *_ = still["seen"]
    assert abs(timestamp - session.last_pts) < 4
    assert timestamp <= 90_000 * stand + 4
