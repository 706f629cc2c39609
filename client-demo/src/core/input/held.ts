/** What the visitor holds, merged from keys, gamepads and touches. Pure. */
import type { Control } from "../../protocol";

export interface Held {
  /** Pressed keys by W3C UI Events `code`. */
  readonly keys: ReadonlySet<string>;
  /** Names of the controls that each gamepad holds, by gamepad index. */
  readonly pads: ReadonlyMap<number, readonly string[]>;
  /** The control under each finger or pressed mouse button, by pointer id. */
  readonly touches: ReadonlyMap<number, string>;
}

export type HeldEvent =
  | { readonly type: "key_down"; readonly code: string }
  | { readonly type: "key_up"; readonly code: string }
  | { readonly type: "pad"; readonly pad: number; readonly names: readonly string[] }
  | { readonly type: "touch"; readonly pointer: number; readonly name: string | null }
  | { readonly type: "release_keys" }
  | { readonly type: "release_all" };

export const NOTHING_HELD: Held = { keys: new Set(), pads: new Map(), touches: new Map() };

/** The next state; the same object where nothing changed. */
export function reduceHeld(held: Held, event: HeldEvent): Held {
  switch (event.type) {
    case "key_down":
      if (held.keys.has(event.code)) return held;
      return { ...held, keys: new Set([...held.keys, event.code]) };
    case "key_up":
      if (!held.keys.has(event.code)) return held;
      return { ...held, keys: new Set([...held.keys].filter((code) => code !== event.code)) };
    case "pad": {
      const before = held.pads.get(event.pad) ?? [];
      if (sameNames(before, event.names)) return held;
      return { ...held, pads: replaced(held.pads, event.pad, event.names) };
    }
    case "touch": {
      if ((held.touches.get(event.pointer) ?? null) === event.name) return held;
      return { ...held, touches: replaced(held.touches, event.pointer, event.name) };
    }
    case "release_keys":
      return held.keys.size === 0 ? held : { ...held, keys: new Set() };
    case "release_all":
      return held.keys.size + held.pads.size + held.touches.size === 0 ? held : NOTHING_HELD;
  }
}

/** Names of the controls held by any source, in the order the world announced them. */
export function heldButtons(held: Held, controls: readonly Control[]): string[] {
  const named = new Set([...[...held.pads.values()].flat(), ...held.touches.values()]);
  return controls
    .filter((control) => named.has(control.name) || control.keys.some((key) => held.keys.has(key)))
    .map((control) => control.name);
}

/** Every `code` that some control is bound to. */
export function boundCodes(controls: readonly Control[]): ReadonlySet<string> {
  return new Set(controls.flatMap((control) => control.keys));
}

export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** `map` with `key` set to `value`, or without `key` where the value is null or empty. */
function replaced<V>(
  map: ReadonlyMap<number, V>,
  key: number,
  value: V | null,
): ReadonlyMap<number, V> {
  const next = new Map(map);
  if (value === null || (Array.isArray(value) && value.length === 0)) next.delete(key);
  else next.set(key, value);
  return next;
}
