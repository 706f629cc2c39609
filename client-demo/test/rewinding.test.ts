import { expect, test } from "vitest";
import {
  NOT_REWINDING,
  type RewindEvent,
  type Rewinding,
  reduceRewinding,
  rewindText,
} from "../src/core/rewinding";
import type { Error as Refusal, RewindReceipt } from "../src/protocol";

const after = (...events: RewindEvent[]): Rewinding =>
  events.reduce(reduceRewinding, NOT_REWINDING);
const HOLD: RewindEvent = { type: "hold", seq: 5 };
const RELEASE: RewindEvent = { type: "release", seq: 6 };
const receipt = (seq: number, action: RewindReceipt["action"], frame: number): RewindEvent => ({
  type: "receipt",
  receipt: {
    ...{ type: "rewind_receipt", seq, t: 0, action, world_frame: frame },
    ...{ stream_frame: 300, media_time: 12.5 },
  },
});
const STARTED = receipt(5, "start", 243);
const at = (worldFrame: number): RewindEvent => ({ type: "world_frame", worldFrame });
const presented = (mediaTime: number): RewindEvent => ({
  type: "presented",
  frame: { rtpTimestamp: 0, mediaTime, presentedAt: 0, displayAt: 0 },
});
const refusal = (seq: number): RewindEvent => ({
  type: "refused",
  refusal: { type: "error", code: "rewind_failed", message: "no", seq } satisfies Refusal,
});

test("while it is held, the overlay counts world time back, at the world's own rate", () => {
  const back = after(HOLD, STARTED, at(219), at(195));
  expect(rewindText(back, 24)).toBe("« 2.0 s back");
  expect(rewindText(back, 16)).toBe("« 3.0 s back");
  expect(rewindText(after(HOLD), 24)).toBe("« back");
  expect(rewindText(NOT_REWINDING, 24)).toBe("");
});

test("after the release it stays until the world goes on in the picture", () => {
  const going = after(HOLD, STARTED, at(200), RELEASE, receipt(6, "stop", 195));
  expect(going).toMatchObject({ phase: "going_on", at: 195 });
  expect(reduceRewinding(going, presented(12.4))).toBe(going);
  expect(reduceRewinding(going, presented(12.5))).toBe(NOT_REWINDING);
});

test("a status from before it began counts for nothing", () => {
  expect(after(HOLD, at(200), STARTED)).toMatchObject({ from: 243, at: 243 });
  const back = after(HOLD, STARTED, at(200));
  expect(reduceRewinding(back, at(230))).toBe(back);
});

test("a short tap may be answered after its release", () => {
  const going = after(HOLD, RELEASE, STARTED, receipt(6, "stop", 243));
  expect(going).toMatchObject({ phase: "going_on", at: 243 });
});

test("a refusal ends it, also one that comes after the release", () => {
  expect(after(HOLD, refusal(5))).toBe(NOT_REWINDING);
  expect(after(HOLD, RELEASE, refusal(6))).toBe(NOT_REWINDING);
  expect(after(HOLD, refusal(4)).phase).toBe("back");
});

test("what comes out of turn changes nothing", () => {
  for (const event of [RELEASE, at(3), presented(9), refusal(1), receipt(5, "stop", 3)])
    expect(after(event)).toBe(NOT_REWINDING);
  const back = after(HOLD);
  expect(reduceRewinding(back, { ...HOLD, seq: 9 })).toBe(back);
  expect(reduceRewinding(back, receipt(4, "start", 3))).toBe(back);
  expect(reduceRewinding(back, { type: "forget" })).toBe(NOT_REWINDING);
});
