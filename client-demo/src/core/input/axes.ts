/**
 * How far the world's axes are moved, by mouse, finger and stick. Pure; moments are seconds.
 *
 * A stick has a strength as long as it is held. A mouse moves and has none: its motion is owed
 * to the world, and paid off as a strength for the time until the next tick, exactly.
 */
import type { AxisControl } from "../../protocol";
import type { PadSnapshot } from "./gamepad";

export type Direction = "x" | "y";

/** What pointers have moved in one direction. */
interface Motion {
  /** Strength times seconds that no strength has paid yet. */
  readonly owed: number;
  /** The strength that pays. */
  readonly paying: number;
}

export interface Axes {
  readonly pointer: Readonly<Record<Direction, Motion>>;
  /** Since when the pointer's motion is paid as it is now. */
  readonly since: number;
  /** Strengths by the axis' name, for each gamepad. */
  readonly sticks: ReadonlyMap<number, Readonly<Record<string, number>>>;
}

const STILL: Motion = { owed: 0, paying: 0 };

export const AT_REST: Axes = { pointer: { x: STILL, y: STILL }, since: 0, sticks: new Map() };

/** What a motion over the whole width of the picture is worth, in strength times seconds. */
const WORTH_OF_WIDTH = 0.7;
/** A pause between two ticks is taken for one of these lengths. */
const SHORTEST_S = 1 / 120;
const USUAL_S = 1 / 60;
const LONGEST_S = 1 / 10;
/** A motion faster than the axis goes on for this long at most. */
const GLIDE_S = 0.15;
/** So little waits until there is more. */
const TOO_LITTLE = 1e-4;
const DEAD_ZONE = 0.12;
const STEPS = 100;

/** The axis that the mouse moves in this direction, if the world has one. */
export function mouseAxis(
  controls: readonly AxisControl[],
  direction: Direction,
): AxisControl | null {
  return controls.find((axis) => axis.mouse === direction) ?? null;
}

/** A pointer moved by so many widths of the picture to the right and down. */
export function pointerMoved({ pointer, ...axes }: Axes, right: number, down: number): Axes {
  const more = (motion: Motion, widths: number): Motion => ({
    ...motion,
    owed: motion.owed + widths * WORTH_OF_WIDTH,
  });
  return { ...axes, pointer: { x: more(pointer.x, right), y: more(pointer.y, down) } };
}

/** Whether there is something left to tick for. */
export function moving({ pointer: { x, y } }: Axes): boolean {
  return [x, y].some(({ owed, paying }) => paying !== 0 || Math.abs(owed) >= TOO_LITTLE);
}

/** What is owed becomes the strength of the axes that the mouse moves from `now` on. */
export function tick(axes: Axes, controls: readonly AxisControl[], now: number): Axes {
  const passed = now - axes.since;
  const { x, y } = axes.pointer;
  const pointer = {
    x: paid(x, mouseAxis(controls, "x"), passed),
    y: paid(y, mouseAxis(controls, "y"), passed),
  };
  return { ...axes, pointer, since: now };
}

/**
 * The state with a gamepad as it is now; the same object where nothing changed. `share`: how much
 * of a tilt counts.
 */
export function padMoved(
  axes: Axes,
  controls: readonly AxisControl[],
  index: number,
  pad: PadSnapshot | null,
  share = 1,
): Axes {
  const strengths: Record<string, number> = {};
  for (const axis of controls) {
    const strength = pad === null ? 0 : share * stickStrength(axis, pad);
    if (strength !== 0) strengths[axis.name] = strength;
  }
  if (sameStrengths(strengths, axes.sticks.get(index) ?? {})) return axes;
  const sticks = new Map(axes.sticks);
  if (Object.keys(strengths).length === 0) sticks.delete(index);
  else sticks.set(index, strengths);
  return { ...axes, sticks };
}

/** The strength of each axis that is not at rest, by name. */
export function strengths(axes: Axes, controls: readonly AxisControl[]): Record<string, number> {
  const all = controls.map((axis) => {
    const pushed = [...axes.sticks.values()].map((stick) => stick[axis.name] ?? 0);
    const { mouse } = axis;
    const pointed = mouse !== null && axis === mouseAxis(controls, mouse);
    const start = pointed ? axes.pointer[mouse].paying : 0;
    return [
      axis.name,
      clamp(
        pushed.reduce((a, b) => a + b, start),
        axis.low,
        axis.high,
      ),
    ] as const;
  });
  return Object.fromEntries(all.filter(([, strength]) => strength !== 0));
}

export function sameStrengths(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): boolean {
  return [...Object.keys(a), ...Object.keys(b)].every((name) => a[name] === b[name]);
}

/** The motion after it was paid for `passed` seconds; nothing is owed where no axis takes it. */
function paid({ owed, paying }: Motion, axis: AxisControl | null, passed: number): Motion {
  if (axis === null) return STILL;
  const ahead = paying === 0 ? USUAL_S : clamp(passed, SHORTEST_S, LONGEST_S);
  const left = clamp(
    owed - paying * (paying === 0 ? 0 : passed),
    axis.low * GLIDE_S,
    axis.high * GLIDE_S,
  );
  if (Math.abs(left) < TOO_LITTLE) return { owed: left, paying: 0 };
  return { owed: left, paying: clamp(left / ahead, axis.low, axis.high) };
}

/** Finer near the middle; in steps, so that a trembling stick sends nothing new. */
function stickStrength(axis: AxisControl, pad: PadSnapshot): number {
  const bound = axis.gamepad;
  if (bound === null) return 0;
  const tilt = (pad.axes[bound.index] ?? 0) * (bound.direction === -1 ? -1 : 1);
  const beyond = Math.max(0, Math.abs(tilt) - DEAD_ZONE) / (1 - DEAD_ZONE);
  const share = Math.round(STEPS * Math.min(1, beyond) ** 2) / STEPS;
  return share === 0 ? 0 : share * (tilt > 0 ? axis.high : axis.low);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
