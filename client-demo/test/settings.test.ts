import { expect, test } from "vitest";
import {
  bindKey,
  bindPad,
  bound,
  boundByVisitor,
  pressedInput,
  REWIND,
} from "../src/core/settings/bindings";
import {
  bindingsOf,
  DEFAULTS,
  readSettings,
  type Settings,
  withBindings,
  writeSettings,
} from "../src/core/settings/settings";
import { CONTROLS } from "./controls";

const button = (index: number) => ({ kind: "button", index, direction: 0 }) as const;
const keysOf = (name: string, controls = bound(CONTROLS, {})) =>
  controls.find((each) => each.name === name)?.keys;

test("what was stored is read again", () => {
  const own = { jump: { keys: ["KeyJ"] }, shoot: { gamepad: [button(3)] } };
  const settings = withBindings({ ...DEFAULTS, volume: 0.4, mouse: 2 }, "court", own);
  expect(readSettings(writeSettings(settings))).toEqual({ settings, fault: null });
  expect(bindingsOf(settings, "court")).toEqual(own);
  expect(bindingsOf(settings, "toString")).toEqual({});
  expect(withBindings(settings, "court", {}).bindings).toEqual({});
});

test("what was stored before there was vibration still counts", () => {
  const { vibration: _, ...older } = { ...DEFAULTS, volume: 0.4 };
  expect(readSettings(JSON.stringify(older)).settings).toEqual({ ...DEFAULTS, volume: 0.4 });
});

test("nothing stored is no fault", () => {
  expect(readSettings(null)).toEqual({ settings: DEFAULTS, fault: null });
});

const changed = (change: Record<string, unknown>) => JSON.stringify({ ...DEFAULTS, ...change });

test.each([
  ["", /JSON/],
  ["{", /JSON/],
  ["null", /object/i],
  ["[]", /./],
  [changed({ version: 2 }), /^version/],
  [changed({ volume: 1.5 }), /^volume/],
  [changed({ volume: null }), /^volume/],
  [changed({ mouse: 1000 }), /^mouse/],
  [changed({ vibration: "yes" }), /^vibration/],
  [changed({ bindings: { court: { jump: { keys: "KeyJ" } } } }), /^bindings\.court\.jump\.keys/],
  [changed({ bindings: { court: { jump: { gamepad: [{ kind: "axis" }] } } } }), /gamepad\.0/],
])("what is stored and damaged is not used: %s", (stored, fault) => {
  const read = readSettings(stored);
  expect(read.settings).toEqual(DEFAULTS);
  expect(read.fault).toMatch(fault);
});

test("the page's own control gives way to the world's", () => {
  expect(keysOf(REWIND.name)).toEqual(["KeyR"]);
  const reload = { name: "reload", label: "Reload", keys: ["KeyR"], gamepad: [] };
  expect(keysOf(REWIND.name, bound([...CONTROLS, reload], {}))).toEqual([]);
});

test("a key belongs to one control alone", () => {
  const controls = bound(CONTROLS, {});
  const own = bindKey(controls, {}, "jump", "KeyD");
  expect(own).toEqual({ right: { keys: ["ArrowRight"] }, jump: { keys: ["KeyD"] } });
  const after = bound(CONTROLS, own ?? {});
  expect(keysOf("jump", after)).toEqual(["KeyD"]);
  expect(keysOf("right", after)).toEqual(["ArrowRight"]);
  expect(bindKey(after, own ?? {}, "shoot", "KeyD")).toEqual({
    right: { keys: ["ArrowRight"] },
    jump: { keys: [] },
    shoot: { keys: ["KeyD"] },
  });
  expect(bindKey(controls, {}, "jump", "Escape")).toBeNull();
});

test("a gamepad's input belongs to one control alone, and Start to the page", () => {
  const controls = bound(CONTROLS, {});
  expect(bindPad(controls, {}, "shoot", button(0))).toEqual({
    jump: { gamepad: [] },
    shoot: { gamepad: [button(0)] },
  });
  const stick = { kind: "axis", index: 0, direction: 1 } as const;
  expect(bindPad(controls, {}, "jump", stick)?.["right"]?.gamepad).toEqual([button(15)]);
  expect(bindPad(controls, {}, "jump", button(9))).toBeNull();
});

test("a gamepad of unknown layout does what the visitor has chosen", () => {
  const controls = boundByVisitor(CONTROLS, { jump: { gamepad: [button(7)] } });
  expect(controls.filter(({ gamepad }) => gamepad.length > 0).map(({ name }) => name)).toEqual([
    "jump",
  ]);
});

test("the input that is pressed now is found", () => {
  const pad = (pressed: number[], axes: number[]) => ({
    buttons: [0, 1, 2].map((index) => ({ pressed: pressed.includes(index) })),
    axes,
  });
  expect(pressedInput(pad([1], [0]), pad([1, 2], [0]))).toEqual(button(2));
  expect(pressedInput(pad([1], [0, 0]), pad([1], [0.2, -0.9]))).toEqual({
    ...{ kind: "axis", index: 1, direction: -1 },
  });
  expect(pressedInput(pad([1], [0, 1]), pad([1], [0, 1]))).toBeNull();
});

test("sensitivity and volume have their whole range", () => {
  for (const mouse of [0.25, 4]) {
    const settings: Settings = { ...DEFAULTS, mouse, volume: 0 };
    expect(readSettings(writeSettings(settings)).settings).toEqual(settings);
  }
});
