/** `window.lightcone`: what the page measures, for benchmarks and tests. Read only. */
import type { Phase } from "./core/connection";
import type { Role, WorldPhase } from "./core/copy";
import type { LatencySample } from "./core/latency";
import type { PresentedFrame } from "./core/media";
import type { Prompting } from "./core/prompting";
import type { Rates } from "./core/rates";

/** All moments are milliseconds of `performance.now()`, all media times seconds. */
export interface Lightcone {
  /** "locating", "connecting", "live", "away" or "refused". */
  readonly phase: Phase;
  readonly role: Role | null;
  /** Id of the world, and its phase as the server last told it. */
  readonly world: string | null;
  readonly worldPhase: WorldPhase | null;
  /** Late chunks since the world began, as the server last told it. */
  readonly stalls: number | null;
  /** Names of the controls held now, by keys, gamepads and touches together. */
  readonly held: readonly string[];
  /** Strengths of the axes that are moved now, by name. */
  readonly moved: Readonly<Record<string, number>>;
  /** What became of the last prompt. */
  readonly prompting: Prompting;
  /** Media time of the last presented frame. */
  readonly mediaTime: number | null;
  /** The last 1000 frames as presented, oldest first. */
  readonly frames: readonly PresentedFrame[];
  /** The last 1000 presses whose frame was presented, oldest first. */
  readonly samples: readonly LatencySample[];
  /** Of the last second. */
  readonly rates: Rates | null;
}

declare global {
  interface Window {
    readonly lightcone: Lightcone;
  }
}

/** `lightcone` has getters only, so nothing outside can change what the page does. */
export function expose(lightcone: Lightcone): void {
  Object.defineProperty(window, "lightcone", { value: Object.freeze(lightcone) });
}
