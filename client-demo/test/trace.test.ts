import { expect, test } from "vitest";
import { Trace } from "../src/core/stream/trace";

test("a minute of values is a line, and what was not measured a gap", () => {
  const trace = new Trace();
  expect(trace.lines(59, 10)).toEqual([]);
  expect(trace.range).toBeNull();
  for (const value of [10, 20, null, 5]) trace.push(value);
  expect(trace.range).toEqual([5, 20]);
  expect(trace.lines(59, 10)).toEqual([
    [
      [56, 5],
      [57, 0],
    ],
    [[59, 7.5]],
  ]);
  for (let i = 0; i < 60; i++) trace.push(1);
  expect(trace.lines(59, 10)).toHaveLength(1);
  expect(trace.lines(59, 10)[0]).toHaveLength(60);
});

test("a line of zeros lies on the ground", () => {
  const trace = new Trace();
  trace.push(0);
  expect(trace.lines(59, 10)).toEqual([[[59, 10]]]);
});
