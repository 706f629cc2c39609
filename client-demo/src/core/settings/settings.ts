/** What a visitor has set for this browser, as it is kept. Pure. */
import * as v from "valibot";
import { check } from "../check";

const VERSION = 1;
export const LEAST_SENSITIVITY = 0.25;
export const MOST_SENSITIVITY = 4;

const Share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const Sensitivity = v.pipe(v.number(), v.minValue(LEAST_SENSITIVITY), v.maxValue(MOST_SENSITIVITY));
const PadInput = v.object({
  kind: v.picklist(["button", "axis"]),
  index: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(63)),
  direction: v.picklist([-1, 0, 1]),
});
/** What a visitor bound a control to; what is not there stays as the world has it. */
const BindingSchema = v.object({
  keys: v.exactOptional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(32))), v.maxLength(8))),
  gamepad: v.exactOptional(v.pipe(v.array(PadInput), v.maxLength(8))),
});
const SettingsSchema = v.object({
  version: v.literal(VERSION),
  /** Loudness, 0 to 1. */
  volume: Share,
  /** How much of a motion or tilt counts, 1 as the world has it. */
  mouse: Sensitivity,
  stick: Sensitivity,
  /** Whether gamepad or phone vibrate. */
  vibration: v.optional(v.boolean(), true),
  /** By the name of the world, then of the control. */
  bindings: v.record(v.string(), v.record(v.string(), BindingSchema)),
});

export type PadBinding = v.InferOutput<typeof PadInput>;
export type Binding = Readonly<v.InferOutput<typeof BindingSchema>>;
export type Bindings = Readonly<Record<string, Binding>>;
export type Settings = Readonly<v.InferOutput<typeof SettingsSchema>>;

export const DEFAULTS: Settings = {
  version: VERSION,
  volume: 1,
  mouse: 1,
  stick: 1,
  vibration: true,
  bindings: {},
};

/** `fault`: why what was stored is not used; null where nothing is wrong. */
export interface Read {
  readonly settings: Settings;
  readonly fault: string | null;
}

/** `stored` null: nothing is kept yet. */
export function readSettings(stored: string | null): Read {
  if (stored === null) return { settings: DEFAULTS, fault: null };
  try {
    const read = check(SettingsSchema, JSON.parse(stored));
    if (read.fits) return { settings: read.value, fault: null };
    return { settings: DEFAULTS, fault: read.fault };
  } catch {
    return { settings: DEFAULTS, fault: "not JSON" };
  }
}

export const writeSettings = (settings: Settings): string => JSON.stringify(settings);

export function bindingsOf({ bindings }: Settings, world: string): Bindings {
  return Object.hasOwn(bindings, world) ? (bindings[world] ?? {}) : {};
}

/** With other bindings for a world; none are kept where there are none. */
export function withBindings(settings: Settings, world: string, bindings: Bindings): Settings {
  const { [world]: _, ...others } = settings.bindings;
  const kept = Object.keys(bindings).length === 0 ? others : { ...others, [world]: bindings };
  return { ...settings, bindings: kept };
}
