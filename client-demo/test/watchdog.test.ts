import { expect, test } from "vitest";
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
