import { expect, test } from "vitest";
import { degradationText } from "../src/core/degradation";
import { STATUS } from "./statuses";

test.each([
  [{}, ""],
  [{ steps: 1 }, "fewer steps"],
  [{ steps: 1, rate: 0.75 }, "18 of 24 fps · fewer steps"],
  [{ overloaded: true, rate: 0.5 }, "the machine can not keep up · 12 of 24 fps"],
  [{ rate: 0.5, phase: "paused" }, ""],
] as const)("%o reads %j", (change, text) => {
  expect(degradationText({ ...STATUS, ...change }, 24, 2)).toBe(text);
});
