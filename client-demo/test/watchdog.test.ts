import { expect, test } from "vitest";
import { rates, totals } from "../src/core/stream/rates";
import { ailment, type Vitals } from "../src/core/stream/watchdog";

const WELL: Vitals = {
  now: 60_000,
  openedAt: 0,
  lastMessageAt: 59_500,
  visibleSince: 0,
  sessionPhase: "running",
  serverMediaTime: 50,
  shownMediaTime: 49.8,
};

test("a world that talks and shows itself is well", () => {
  expect(ailment(WELL)).toBeNull();
});

test("an open socket without messages is silent", () => {
  expect(ailment({ ...WELL, lastMessageAt: 53_000 })).toBe("silent");
  expect(ailment({ ...WELL, lastMessageAt: null, openedAt: 59_000 })).toBeNull();
});

test("a picture far behind the server's clock is frozen", () => {
  expect(ailment({ ...WELL, shownMediaTime: 46 })).toBe("frozen");
  expect(ailment({ ...WELL, shownMediaTime: null })).toBe("frozen");
  expect(ailment({ ...WELL, shownMediaTime: null, openedAt: 55_000 })).toBeNull();
});

test("a late chunk, a paused world and a hidden page are no freeze", () => {
  expect(ailment({ ...WELL, serverMediaTime: 46, shownMediaTime: 46 })).toBeNull();
  expect(ailment({ ...WELL, sessionPhase: "paused", shownMediaTime: 40 })).toBeNull();
  expect(ailment({ ...WELL, visibleSince: null, shownMediaTime: 40 })).toBeNull();
  expect(ailment({ ...WELL, visibleSince: 58_000, shownMediaTime: 40 })).toBeNull();
});

test("rates are differences of totals over picture and sound", () => {
  const report = (bytes: number, frames: number) => [
    { type: "inbound-rtp", bytesReceived: bytes, framesDecoded: frames },
    { type: "inbound-rtp", bytesReceived: bytes / 10 },
    { type: "transport", bytesReceived: 1e9 },
  ];
  const before = totals(report(1000, 10), 1000);
  const after = totals(report(101_000, 58), 3000);
  expect(after).toEqual({ at: 3000, bytes: 111_100, frames: 58 });
  expect(rates(before, after)).toEqual({ fps: 24, bitrate: 440_000 });
  expect(rates(after, after)).toBeNull();
});
