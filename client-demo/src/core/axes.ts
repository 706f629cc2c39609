/**
 * How far the world's axes are moved, by mouse, finger and stick. Pure; moments are seconds.
 *
 * A stick has a strength as long as it is held. A mouse moves and has none: its motion is owed
 * to the world, and paid off as a strength for the time until the next tick, exactly.
 */
import type { AxisControl } from "../protocol";
import type { PadSnapshot } from "./gamepad";

export interface Axes {
  /** Strength times seconds that pointers have moved and no strength has paid yet. */
  readonly owed: number;
  /** The strength that pays, and since when. */
  readonly paying: number;
  readonly since: number;
  /** Strengths by the axis' name, for each gamepad. */
  readonly sticks: ReadonlyMap<number, Readonly<Record<string, number>>>;
}

export const AT_REST: Axes = { owed: 0, paying: 0, since: 0, sticks: new Map() };

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

/** The axis that the mouse moves, if the world has one. */
export function mouseAxis(controls: readonly AxisControl[]): AxisControl | null {
  return controls.find((axis) => axis.mouse !== null) ?? null;
}

/** A pointer moved by so many widths of the picture. */
export function pointerMoved(axes: Axes, widths: number): Axes {
  return { ...axes, owed: axes.owed + widths * WORTH_OF_WIDTH };
}

/** Whether there is something left to tick for. */
export function moving(axes: Axes): boolean {
  return axes.paying !== 0 || Math.abs(axes.owed) >= TOO_LITTLE;
}

/** What is owed becomes the strength of `axis` from `now` on. */
export function tick(axes: Axes, axis: AxisControl, now: number): Axes {
  const passed = now - axes.since;
  const ahead = axes.paying === 0 ? USUAL_S : clamp(passed, SHORTEST_S, LONGEST_S);
  const left = axes.owed - axes.paying * (axes.paying === 0 ? 0 : passed);
  const owed = clamp(left, axis.low * GLIDE_S, axis.high * GLIDE_S);
  const paying = Math.abs(owed) < TOO_LITTLE ? 0 : clamp(owed / ahead, axis.low, axis.high);
  return { ...axes, owed, paying, since: now };
}

/** The state with a gamepad as it is now; the same object where nothing changed. */
export function padMoved(
  axes: Axes,
  controls: readonly AxisControl[],
  index: number,
  pad: PadSnapshot | null,
): Axes {
  const strengths: Record<string, number> = {};
  for (const axis of pad === null ? [] : controls) {
    const strength = stickStrength(axis, pad!);
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
  const pointed = mouseAxis(controls);
  const all = controls.map((axis) => {
    const pushed = [...axes.sticks.values()].map((stick) => stick[axis.name] ?? 0);
    const sum = pushed.reduce((a, b) => a + b, axis === pointed ? axes.paying : 0);
    return [axis.name, clamp(sum, axis.low, axis.high)] as const;
  });
  return Object.fromEntries(all.filter(([, strength]) => strength !== 0));
}

export function sameStrengths(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): boolean {
  return [...Object.keys(a), ...Object.keys(b)].every((name) => a[name] === b[name]);
}

/** Finer near the middle; in steps, so that a trembling stick says nothing new. */
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
