/** Short names of keys and gamepad inputs, as printed on them. Pure. */
import type { Control, GamepadInput } from "../../protocol";

const KEYS: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ShiftLeft: "Shift",
  ShiftRight: "Shift",
  ControlLeft: "Ctrl",
  ControlRight: "Ctrl",
  Escape: "Esc",
  Equal: "=",
  Minus: "−",
};

/** The W3C standard layout, in the letters most pads carry. */
const PAD_BUTTONS = [
  ...["A", "B", "X", "Y", "LB", "RB", "LT", "RT", "Back", "Start", "L3", "R3"],
  ...["↑", "↓", "←", "→", "Home"],
] as const;

/** What is printed on the key with this W3C `code` (US layout). */
export function keyGlyph(code: string): string {
  return KEYS[code] ?? code.replace(/^(Key|Digit)/, "").replace(/^Numpad/, "Num ");
}

/** Its name for `aria-keyshortcuts`: the value of W3C UI Events `key`, as far as one is known. */
export function keyName(code: string): string {
  return code
    .replace(/^(Key|Digit|Numpad)/, "")
    .replace(/(Left|Right)$/, (side) => (code.startsWith("Arrow") ? side : ""));
}

/** What a gamepad's owner calls this input. */
export function padGlyph(input: GamepadInput): string {
  if (input.kind === "button") return PAD_BUTTONS[input.index] ?? `Button ${input.index}`;
  const stick = input.index < 2 ? "Stick" : "Right stick";
  const [back, forward] = input.index % 2 === 0 ? ["←", "→"] : ["↑", "↓"];
  return `${stick} ${(input.direction ?? 0) < 0 ? back : forward}`;
}

/** The sign on a touch button: the arrow where an arrow key is bound, else a plain round one. */
export function touchGlyph(control: Control): string {
  const arrow = control.keys.find((code) => code.startsWith("Arrow"));
  return arrow === undefined ? "●" : keyGlyph(arrow);
}

/** Controls of the view, by the names that all worlds give them: signs for the picture's corner. */
const VIEW: Readonly<Record<string, string>> = { zoom_in: "+", zoom_out: "−", camera: "⤢" };

export const viewGlyph = (control: Control): string | null => VIEW[control.name] ?? null;

export type Place = "left" | "right" | "view";

/**
 * Where a control is: under the left thumb, which steers, or the right one, which acts; or in the
 * picture's corner. Up and down steer only where both exist; a lone up is a jump.
 */
export function placeOf(control: Control, controls: readonly Control[]): Place {
  if (viewGlyph(control) !== null) return "view";
  const bound = (code: string) => controls.some((each) => each.keys.includes(code));
  const vertical = bound("ArrowUp") && bound("ArrowDown");
  const steering = ["ArrowLeft", "ArrowRight", ...(vertical ? ["ArrowUp", "ArrowDown"] : [])];
  return control.keys.some((code) => steering.includes(code)) ? "left" : "right";
}
