/** A gamepad on the page's own controls, as a remote control is used. Pure. */
import { PAD_MENU } from "../settings/bindings";
import { AXIS_THRESHOLD, type PadSnapshot } from "./gamepad";

export type PadMove =
  | "menu" // to the page's controls, and back to the world
  | "previous"
  | "next"
  | "less"
  | "more"
  | "press"
  | "back";

const BUTTONS: readonly (readonly [index: number, move: PadMove])[] = [
  [PAD_MENU, "menu"],
  [12, "previous"],
  [13, "next"],
  [14, "less"],
  [15, "more"],
  [0, "press"],
  [1, "back"],
];
const STICK: readonly (readonly [axis: number, back: PadMove, forward: PadMove])[] = [
  [0, "less", "more"],
  [1, "previous", "next"],
];

/** What a standard gamepad has begun to ask for between two moments. */
export function padMoves(before: PadSnapshot | null, now: PadSnapshot): PadMove[] {
  if (before === null) return [];
  const begun = (index: number) =>
    now.buttons[index]?.pressed === true && before.buttons[index]?.pressed !== true;
  const side = (tilt = 0) => (Math.abs(tilt) > AXIS_THRESHOLD ? Math.sign(tilt) : 0);
  const tilted = STICK.flatMap(([axis, back, forward]) => {
    const to = side(now.axes[axis]);
    return to === 0 || to === side(before.axes[axis]) ? [] : [to < 0 ? back : forward];
  });
  return [...BUTTONS.filter(([index]) => begun(index)).map(([, move]) => move), ...tilted];
}
