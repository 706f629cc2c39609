import { expect, test } from "vitest";
import {
  boundCodes,
  type Held,
  type HeldEvent,
  heldButtons,
  NOTHING_HELD,
  reduceHeld,
} from "../src/core/input/held";
import { CONTROLS } from "./controls";

const after = (...events: HeldEvent[]): Held => events.reduce(reduceHeld, NOTHING_HELD);
const names = (...events: HeldEvent[]) => heldButtons(after(...events), CONTROLS);

test("keys, pads and touches hold together, in announced order", () => {
  expect(
    names(
      { type: "touch", pointer: 7, name: "shoot" },
      { type: "pad", pad: 0, names: ["jump"] },
      { type: "key_down", code: "KeyA" },
    ),
  ).toEqual(["left", "jump", "shoot"]);
});

test("a control is held until the last of its sources lets go", () => {
  const both: HeldEvent[] = [
    { type: "key_down", code: "ArrowRight" },
    { type: "key_down", code: "KeyD" },
    { type: "pad", pad: 1, names: ["right"] },
  ];
  const first: HeldEvent = { type: "key_up", code: "ArrowRight" };
  const second: HeldEvent = { type: "key_up", code: "KeyD" };
  const third: HeldEvent = { type: "pad", pad: 1, names: [] };
  expect(names(...both, first, second)).toEqual(["right"]);
  expect(names(...both, first, second, third)).toEqual([]);
});

test("a sliding finger moves its hold along, others stay", () => {
  expect(
    names(
      { type: "touch", pointer: 1, name: "left" },
      { type: "touch", pointer: 2, name: "jump" },
      { type: "touch", pointer: 1, name: "right" },
    ),
  ).toEqual(["right", "jump"]);
});

test("events that change nothing give the same object", () => {
  const held = after({ type: "key_down", code: "KeyA" }, { type: "pad", pad: 0, names: ["jump"] });
  expect(reduceHeld(held, { type: "key_down", code: "KeyA" })).toBe(held);
  expect(reduceHeld(held, { type: "key_up", code: "KeyD" })).toBe(held);
  expect(reduceHeld(held, { type: "pad", pad: 0, names: ["jump"] })).toBe(held);
  expect(reduceHeld(held, { type: "touch", pointer: 1, name: null })).toBe(held);
  expect(reduceHeld(NOTHING_HELD, { type: "release_all" })).toBe(NOTHING_HELD);
});

test("release_all lets everything go, release_keys only the keys", () => {
  const held = after(
    { type: "key_down", code: "Space" },
    { type: "touch", pointer: 1, name: "left" },
  );
  expect(heldButtons(reduceHeld(held, { type: "release_keys" }), CONTROLS)).toEqual(["left"]);
  expect(reduceHeld(held, { type: "release_all" })).toEqual(NOTHING_HELD);
});

test("bound codes are all keys of all controls", () => {
  expect([...boundCodes(CONTROLS)].sort()).toEqual(
    ["ArrowLeft", "ArrowRight", "ArrowUp", "KeyA", "KeyD", "KeyW", "Space"].sort(),
  );
});
