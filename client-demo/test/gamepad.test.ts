import { expect, test } from "vitest";
import { padButtons } from "../src/core/input/gamepad";
import {
  keyGlyph,
  keyName,
  padGlyph,
  placeOf,
  touchGlyph,
  viewGlyph,
} from "../src/core/input/glyphs";
import { CONTROLS } from "./controls";

const pad = (pressed: number[], axes: number[] = []) => ({
  buttons: Array.from({ length: 17 }, (_, i) => ({ pressed: pressed.includes(i) })),
  axes,
});

test("buttons and axes hold what they are bound to", () => {
  expect(padButtons(CONTROLS, pad([0, 15]))).toEqual(["right", "jump"]);
  expect(padButtons(CONTROLS, pad([], [-0.8, 0]))).toEqual(["left"]);
});

test("an axis counts beyond half way", () => {
  expect(padButtons(CONTROLS, pad([], [0.5]))).toEqual([]);
  expect(padButtons(CONTROLS, pad([], [0.51]))).toEqual(["right"]);
});

test("a pad with fewer inputs than the bindings holds nothing", () => {
  expect(padButtons(CONTROLS, { buttons: [], axes: [] })).toEqual([]);
});

test("inputs are called what is printed on them", () => {
  expect(["ArrowUp", "KeyW", "Digit1", "Space", "Numpad4"].map(keyGlyph)).toEqual([
    "↑",
    "W",
    "1",
    "Space",
    "Num 4",
  ]);
  expect(padGlyph({ kind: "button", index: 0 })).toBe("A");
  expect(padGlyph({ kind: "button", index: 40 })).toBe("Button 40");
  expect(padGlyph({ kind: "axis", index: 0, direction: -1 })).toBe("Stick ←");
  expect(padGlyph({ kind: "axis", index: 3, direction: 1 })).toBe("Right stick ↓");
});

test("keys have the names that screen readers know", () => {
  expect(["ArrowLeft", "KeyW", "Digit1", "Space", "ShiftRight"].map(keyName)).toEqual([
    ...["ArrowLeft", "W", "1", "Space", "Shift"],
  ]);
});

test("the left thumb steers, the right one acts", () => {
  expect(CONTROLS.map((control) => placeOf(control, CONTROLS))).toEqual([
    "left",
    "left",
    "right",
    "right",
  ]);
  const down = { name: "down", label: "Down", keys: ["ArrowDown"], gamepad: [] };
  const four = [...CONTROLS, down];
  expect(four.map((control) => placeOf(control, four))).toEqual([
    "left",
    "left",
    "left",
    "right",
    "left",
  ]);
  expect(CONTROLS.map(touchGlyph)).toEqual(["←", "→", "↑", "●"]);
});

test("the view's controls are in the picture's corner", () => {
  const camera = ["zoom_in", "zoom_out", "camera"].map((name) => ({
    ...{ name, label: name, keys: ["KeyC"], gamepad: [] },
  }));
  const all = [...CONTROLS, ...camera];
  expect(camera.map((control) => placeOf(control, all))).toEqual(["view", "view", "view"]);
  expect(all.filter((control) => viewGlyph(control) === null)).toEqual(CONTROLS);
});
