import { expect, test } from "vitest";
import { check } from "../src/core/check";
import { SessionBodySchema } from "../src/http";
import { ServerMessageSchema } from "../src/protocol";
import { STATUS } from "./statuses";

const message = (value: unknown) => check(ServerMessageSchema, value);

test("a message of the protocol fits, and fields that are not known are left out", () => {
  expect(message(STATUS)).toEqual({ fits: true, value: STATUS });
  expect(message({ ...STATUS, weather: "fine" })).toEqual({ fits: true, value: STATUS });
});

test.each([
  [null, /object/i],
  [17, /object/i],
  [{}, /^type: /],
  [{ type: "weather" }, /^type: /],
  [{ ...STATUS, viewers: "two" }, /^viewers: .*number/i],
  [{ ...STATUS, viewers: 1.5 }, /^viewers: .*integer/i],
  [{ ...STATUS, asking: [1] }, /^asking\.0: /],
  [{ ...STATUS, phase: "asleep" }, /^phase: /],
  [{ type: "pong", t: 1 }, /^media_time: /],
])("what does not fit is named: %j", (value, fault) => {
  const read = message(value);
  expect(read.fits).toBe(false);
  if (!read.fits) expect(read.fault).toMatch(fault);
});

test("an error with a code of a newer server fits", () => {
  expect(message({ type: "error", code: "too_hot", message: "it is too hot" }).fits).toBe(true);
});

test("a fault is one short line", () => {
  const read = message({ ...STATUS, phase: "x".repeat(10_000) });
  expect(!read.fits && read.fault.length).toBeLessThanOrEqual(120);
});

test("answers over HTTP are checked as well", () => {
  expect(check(SessionBodySchema, { id: "a", whep: "/", control: "/" }).fits).toBe(false);
});
