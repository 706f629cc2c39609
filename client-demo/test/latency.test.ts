import { expect, test } from "vitest";
import { LatencyMeter } from "../src/core/stream/latency";
import { mediaTimeOf } from "../src/core/stream/media";
import { Ring } from "../src/core/stream/ring";
import type { Receipt } from "../src/protocol";

const frame = (index: number, presentedAt: number) => ({
  rtpTimestamp: Math.round((index / 24) * 90_000),
  mediaTime: Math.round((index / 24) * 90_000) / 90_000,
  presentedAt,
  displayAt: presentedAt + 20,
});
const receipt = (seq: number, mediaTime: number): Receipt => ({
  ...{ type: "receipt", seq, t: 0, media_time: mediaTime },
  ...{ stream_frame: Math.round(mediaTime * 24), world_frame: Math.round(mediaTime * 24) + 100 },
  ...{ waited_ms: 30, step_ms: 20 },
});
const press = (seq: number, pressedAt: number) => ({
  seq,
  code: "KeyD",
  pressedAt,
  sentAt: pressedAt + 1,
});

test("a press ends at the first frame that its receipt names", () => {
  const meter = new LatencyMeter();
  meter.sent(press(1, 100));
  meter.receipt(receipt(1, 10 / 24), 120, []);
  meter.presented(frame(9, 150));
  expect(meter.samples).toEqual([]);
  meter.presented(frame(10, 170));
  meter.presented(frame(11, 210));
  expect(meter.samples).toEqual([
    {
      ...press(1, 100),
      receiptAt: 120,
      mediaTime: 10 / 24,
      worldFrame: 110,
      waitedMs: 30,
      stepMs: 20,
      presentedAt: 170,
      displayAt: 190,
      keyToPhotonMs: 70,
      keyToDisplayMs: 90,
    },
  ]);
  expect(meter.recentMedian).toBe(70);
});

test("a frame that the browser skipped is measured at the next one", () => {
  const meter = new LatencyMeter();
  meter.sent(press(1, 100));
  meter.receipt(receipt(1, 10 / 24), 120, []);
  meter.presented(frame(12, 260));
  expect(meter.recentMedian).toBe(160);
});

test("a receipt may come after its frame", () => {
  const meter = new LatencyMeter();
  meter.sent(press(4, 100));
  meter.receipt(receipt(4, 10 / 24), 190, [frame(9, 140), frame(10, 180), frame(11, 220)]);
  expect(meter.samples.map((sample) => sample.presentedAt)).toEqual([180]);
});

test("presses in one chunk share its frame; releases have no press and count nothing", () => {
  const meter = new LatencyMeter();
  meter.sent(press(1, 100));
  meter.sent(press(3, 110));
  for (const seq of [1, 2, 3]) meter.receipt(receipt(seq, 10 / 24), 130, []);
  meter.presented(frame(10, 200));
  expect(meter.samples.map(({ seq, keyToPhotonMs }) => [seq, keyToPhotonMs])).toEqual([
    [1, 100],
    [3, 90],
  ]);
});

test("a lost connection measures nothing", () => {
  const meter = new LatencyMeter();
  meter.sent(press(1, 100));
  meter.receipt(receipt(1, 10 / 24), 120, []);
  meter.sent(press(2, 130));
  meter.interrupt();
  meter.receipt(receipt(2, 10 / 24), 140, []);
  meter.presented(frame(10, 5000));
  expect(meter.recentMedian).toBeNull();
  expect(meter.lost).toEqual([press(1, 100), press(2, 130)]);
});

test("a press without a receipt within 5 s is lost, and later ones are not", () => {
  const meter = new LatencyMeter();
  meter.sent(press(1, 100));
  meter.sent(press(3, 4000));
  meter.expire(5101);
  expect(meter.lost).toEqual([]);
  meter.receipt(receipt(3, 10 / 24), 5102, [frame(11, 5100)]);
  expect(meter.lost).toEqual([press(1, 100)]);
  meter.receipt(receipt(1, 10 / 24), 5103, []);
  expect(meter.samples.map(({ seq }) => seq)).toEqual([3]);
});

test("receipts out of order lose nothing", () => {
  const meter = new LatencyMeter();
  for (const seq of [1, 2]) meter.sent(press(seq, 100 * seq));
  for (const seq of [2, 1]) meter.receipt(receipt(seq, 10 / 24), 300, [frame(10, 290)]);
  expect(meter.samples.map(({ seq }) => seq)).toEqual([2, 1]);
  expect(meter.lost).toEqual([]);
});

test("the median is of recent samples", () => {
  const meter = new LatencyMeter();
  for (let seq = 1; seq <= 40; seq += 1) {
    meter.sent(press(seq, seq * 1000));
    meter.receipt(receipt(seq, seq), seq * 1000 + 5, []);
    meter.presented({
      rtpTimestamp: 0,
      mediaTime: seq,
      presentedAt: seq * 1000 + (seq <= 20 ? 900 : 80),
      displayAt: seq * 1000 + 1000,
    });
  }
  expect(meter.recentMedian).toBe(80);
  expect(meter.samples).toHaveLength(40);
});

test("media time is that of the RTP timestamp nearest to what is known", () => {
  const cycle = 2 ** 32 / 90_000;
  expect(mediaTimeOf(90_000, 0)).toBe(1);
  expect(mediaTimeOf(90_000, 3)).toBe(1);
  expect(mediaTimeOf(90_000, cycle + 2)).toBeCloseTo(cycle + 1, 6);
  expect(mediaTimeOf(2 ** 32 - 90_000, cycle)).toBeCloseTo(cycle - 1, 6);
  expect(mediaTimeOf(2 ** 32 - 90_000, 0)).toBeGreaterThanOrEqual(0);
});

test.each([16, 24, 35, 60])("RTP timestamps of 40 hours at %d fps unwrap in order", (fps) => {
  let near = 0;
  for (let index = 0; index < fps * 3600 * 40; index += 1201) {
    const rtp = Math.round((index / fps) * 90_000) % 2 ** 32;
    near = mediaTimeOf(rtp, near);
    expect(Math.abs(near - index / fps)).toBeLessThan(1e-4);
  }
});

test("a ring keeps the last, oldest first", () => {
  const ring = new Ring<number>(3);
  expect(ring.last).toBeUndefined();
  for (const n of [1, 2]) ring.push(n);
  expect([ring.toArray(), ring.last]).toEqual([[1, 2], 2]);
  for (const n of [3, 4, 5]) ring.push(n);
  expect([ring.toArray(), ring.last]).toEqual([[3, 4, 5], 5]);
  ring.push(6);
  expect([ring.toArray(), ring.last]).toEqual([[4, 5, 6], 6]);
  expect([ring.latest(2), ring.latest(9)]).toEqual([
    [5, 6],
    [4, 5, 6],
  ]);
  ring.clear();
  expect(ring.latest(2)).toEqual([]);
  ring.push(9);
  expect(ring.toArray()).toEqual([9]);
});
