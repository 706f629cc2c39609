import { expect, test } from "vitest";
import {
  AT_REST,
  type Axes,
  mouseAxis,
  moving,
  padMoved,
  pointerMoved,
  strengths,
  tick,
} from "../src/core/input/axes";
import type { AxisControl } from "../src/protocol";

const TURN: AxisControl = {
  name: "turn",
  label: "Turn",
  low: -3,
  high: 3,
  mouse: "x",
  gamepad: { kind: "axis", index: 2, direction: 1 },
};
const TILT: AxisControl = {
  ...{ name: "tilt", label: "Tilt", low: 0, high: 1, mouse: null },
  gamepad: { kind: "axis", index: 3, direction: -1 },
};
const LOOK: AxisControl = { ...TURN, name: "look", low: -1, high: 1, mouse: "y", gamepad: null };
const BOTH = [TILT, TURN];
const pad = (...axes: number[]) => ({ buttons: [], axes });

/** What ticks at these moments pay in all, until nothing is owed. */
function paid(axes: Axes, moments: readonly number[]): [number, Axes] {
  let total = 0;
  let [now, before] = [axes, moments[0]!];
  for (const at of moments) {
    total += now.pointer.x.paying * (at - before);
    now = tick(now, [TURN], at);
    before = at;
  }
  return [total, now];
}

test("a mouse's motion is paid off exactly, however uneven the frames are", () => {
  const moments = [
    9, 9.016, 9.05, 9.058, 9.075, 9.091, 9.1, 9.116, 9.132, 9.15, 9.17, 9.19, 9.2, 9.215,
  ];
  const [total, left] = paid(pointerMoved(AT_REST, 0.1, 0), moments);
  expect(total).toBeCloseTo(0.07, 3);
  expect(moving(left)).toBe(false);
  expect(strengths(left, BOTH)).toEqual({});
});

test("a faster motion than the axis is carried on a little, and no longer", () => {
  const flick = tick(pointerMoved(AT_REST, -20, 0), [TURN], 5);
  expect(strengths(flick, BOTH)).toEqual({ turn: -3 });
  const moments = Array.from({ length: 40 }, (_, i) => 5 + i / 60);
  const [total, left] = paid(pointerMoved(AT_REST, -20, 0), moments);
  expect(total).toBeCloseTo(-3 * 0.15, 2);
  expect(moving(left)).toBe(false);
});

test("a stick is held, finer near the middle and dead in it", () => {
  const at = (x: number) => strengths(padMoved(AT_REST, BOTH, 0, pad(0, 0, x, 0)), BOTH);
  expect(at(0.1)).toEqual({});
  expect(at(1)).toEqual({ turn: 3 });
  expect(at(-1)).toEqual({ turn: -3 });
  expect(at(0.56)["turn"]).toBeCloseTo(0.75, 2);
});

test("an axis without a low side and with an inverted stick", () => {
  const at = (y: number) => strengths(padMoved(AT_REST, BOTH, 0, pad(0, 0, 0, y)), BOTH);
  expect(at(-1)).toEqual({ tilt: 1 });
  expect(at(1)).toEqual({});
});

test("sticks and mouse add up, within the range", () => {
  const pushed = padMoved(AT_REST, BOTH, 0, pad(0, 0, 1));
  expect(strengths(tick(pointerMoved(pushed, 1, 0), BOTH, 0), BOTH)).toEqual({ turn: 3 });
  expect(strengths(padMoved(pushed, BOTH, 1, pad(0, 0, -1)), BOTH)).toEqual({});
  expect(strengths(padMoved(pushed, [], 0, null), BOTH)).toEqual({});
});

test("what changes nothing gives the same object", () => {
  const pushed = padMoved(AT_REST, BOTH, 0, pad(0, 0, 0.7));
  expect(padMoved(pushed, BOTH, 0, pad(0, 0, 0.7001))).toBe(pushed);
  expect(padMoved(AT_REST, BOTH, 3, pad(0, 0))).toBe(AT_REST);
});

test("the mouse has an axis only where the world gives it one", () => {
  expect(mouseAxis(BOTH, "x")).toBe(TURN);
  expect(mouseAxis(BOTH, "y")).toBeNull();
  expect(mouseAxis([TILT], "x")).toBeNull();
});

test("each direction of the mouse moves its own axis, and they are paid together", () => {
  const all = [...BOTH, LOOK];
  const moved = tick(pointerMoved(AT_REST, 0.01, -0.02), all, 0);
  const { turn, look } = strengths(moved, all);
  expect(turn).toBeCloseTo(0.42, 5);
  expect(look).toBeCloseTo(-0.84, 5);
  const after = tick(tick(moved, all, 1 / 60), all, 2 / 60);
  expect(moving(after)).toBe(false);
});

test("a motion in a direction that moves nothing is forgotten", () => {
  const moved = tick(pointerMoved(AT_REST, 0, 5), [TURN], 0);
  expect(moving(moved)).toBe(false);
});

test("a share of a tilt counts, and never more than the whole axis", () => {
  const tilted = (share: number) =>
    strengths(padMoved(AT_REST, [TURN], 0, pad(0, 0, 1), share), [TURN]);
  expect(tilted(0.5)).toEqual({ turn: TURN.high / 2 });
  expect(tilted(4)).toEqual({ turn: TURN.high });
});
