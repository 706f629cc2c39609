/** W3C standard gamepad to control names. Pure. */
import type { Control, GamepadInput } from "../../protocol";

/** The parts of the Gamepad API's `Gamepad` that bindings look at. */
export interface PadSnapshot {
  readonly buttons: readonly { readonly pressed: boolean }[];
  readonly axes: readonly number[];
}

/** An axis counts from here on; half way, as in the protocol. */
export const AXIS_THRESHOLD = 0.5;

/** Names of the controls that `pad` holds, in announced order. */
export function padButtons(controls: readonly Control[], pad: PadSnapshot): string[] {
  return controls
    .filter((control) => control.gamepad.some((input) => isHeld(input, pad)))
    .map((control) => control.name);
}

function isHeld(input: GamepadInput, pad: PadSnapshot): boolean {
  if (input.kind === "button") return pad.buttons[input.index]?.pressed ?? false;
  return (pad.axes[input.index] ?? 0) * (input.direction ?? 0) > AXIS_THRESHOLD;
}
