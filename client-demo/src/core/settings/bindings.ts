/** What controls are bound to: as their world has it, or as the visitor wants it. Pure. */
import type { Control } from "../../protocol";
import { AXIS_THRESHOLD, type PadSnapshot } from "../input/gamepad";
import type { Binding, Bindings, PadBinding } from "./settings";

/** Runs the session back. The page's own, beside those of the world: Back on a gamepad. */
export const REWIND: Control = {
  name: "@rewind",
  label: "Run back",
  keys: ["KeyR"],
  gamepad: [{ kind: "button", index: 8, direction: 0 }],
};

/** Escape and Tab leave things: nothing can be bound to them. */
const RESERVED: readonly string[] = ["Escape", "Tab"];

/** Opens the page's own controls to a gamepad: Start. */
export const PAD_MENU = 9;

/**
 * The controls of a world and REWIND with what they are bound to. What a world has for itself
 * REWIND does not take.
 */
export function bound(controls: readonly Control[], own: Bindings): Control[] {
  const taken = new Set(controls.flatMap((each) => effective(each, own).keys));
  const free = REWIND.keys.filter((code) => !taken.has(code));
  return [...controls, { ...REWIND, keys: free }].map((each) => effective(each, own));
}

/** The same for a gamepad of unknown layout: only what the visitor has bound himself. */
export function boundByVisitor(controls: readonly Control[], own: Bindings): Control[] {
  return [...controls, REWIND].map((control) => ({
    ...control,
    gamepad: [...(own[control.name]?.gamepad ?? [])],
  }));
}

/** `code` for this control alone. `controls` are as `bound` gives them. Null: it can not be. */
export function bindKey(
  controls: readonly Control[],
  own: Bindings,
  name: string,
  code: string,
): Bindings | null {
  if (RESERVED.includes(code)) return null;
  const losers = controls.filter((each) => each.name !== name && each.keys.includes(code));
  const lost = losers.map((each): [string, Binding] => [
    each.name,
    { ...own[each.name], keys: each.keys.filter((key) => key !== code) },
  ]);
  return { ...own, ...Object.fromEntries(lost), [name]: { ...own[name], keys: [code] } };
}

/** A gamepad's input for this control alone, as above. */
export function bindPad(
  controls: readonly Control[],
  own: Bindings,
  name: string,
  input: PadBinding,
): Bindings | null {
  if (input.kind === "button" && input.index === PAD_MENU) return null;
  const same = (each: Control["gamepad"][number]) =>
    each.kind === input.kind &&
    each.index === input.index &&
    (each.direction ?? 0) === input.direction;
  const losers = controls.filter((each) => each.name !== name && each.gamepad.some(same));
  const lost = losers.map((each): [string, Binding] => [
    each.name,
    { ...own[each.name], gamepad: each.gamepad.filter((one) => !same(one)).map(whole) },
  ]);
  return { ...own, ...Object.fromEntries(lost), [name]: { ...own[name], gamepad: [input] } };
}

/** The input that is pressed or tilted now and was not before; null where there is none. */
export function pressedInput(before: PadSnapshot, now: PadSnapshot): PadBinding | null {
  const button = now.buttons.findIndex(
    ({ pressed }, i) => pressed && before.buttons[i]?.pressed !== true,
  );
  if (button >= 0) return { kind: "button", index: button, direction: 0 };
  const tilted = (tilt: number | undefined) => Math.abs(tilt ?? 0) > AXIS_THRESHOLD;
  const axis = now.axes.findIndex((tilt, i) => tilted(tilt) && !tilted(before.axes[i]));
  if (axis < 0) return null;
  return { kind: "axis", index: axis, direction: (now.axes[axis] ?? 0) < 0 ? -1 : 1 };
}

function effective(control: Control, own: Bindings): Control {
  const { keys, gamepad } = own[control.name] ?? {};
  return { ...control, keys: keys ?? control.keys, gamepad: gamepad ?? control.gamepad };
}

function whole({ kind, index, direction }: Control["gamepad"][number]): PadBinding {
  return { kind, index, direction: direction ?? 0 };
}
