import { expect, test } from "vitest";
import { rates, totals } from "../src/core/stream/rates";

const report = (bytes: number, frames: number, dropped = 0, buffered = 0) => [
  {
    ...{ type: "inbound-rtp", kind: "video", bytesReceived: bytes, framesDecoded: frames },
    ...{ framesDropped: dropped, jitterBufferDelay: buffered / 50 },
    jitterBufferEmittedCount: buffered,
  },
  { type: "inbound-rtp", kind: "audio", bytesReceived: bytes / 10, jitterBufferDelay: 1e6 },
  { type: "transport", bytesReceived: 1e9 },
  { type: "candidate-pair", currentRoundTripTime: 9 },
  { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.02 },
];

test("rates are differences of totals over picture and sound", () => {
  const before = totals(report(1000, 10), 1000);
  const after = totals(report(101_000, 58, 3, 48), 3000);
  expect(after).toMatchObject({ at: 3000, bytes: 111_100, frames: 58 });
  const now = rates(before, after);
  expect(now).toMatchObject({ fps: 24, bitrate: 440_000, dropped: 3, roundTripMs: 20 });
  expect(now?.bufferMs).toBeCloseTo(20);
  expect(rates(after, after)).toBeNull();
});

test("what a browser does not measure is null", () => {
  const nothing = totals([], 0);
  expect(rates(nothing, { ...nothing, at: 1000 })).toEqual({
    ...{ fps: 0, bitrate: 0, dropped: 0, bufferMs: null, roundTripMs: null },
  });
});
