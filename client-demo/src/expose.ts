/** `window.lightcone`: what the page measures, for benchmarks and tests. Read only. */
import type { App } from "./app";
import type { Phase } from "./core/connection";
import type { Role, SessionPhase } from "./core/copy";
import type { Prompting } from "./core/prompting";
import type { Rewinding } from "./core/rewinding";
import type { LatencySample, Press } from "./core/stream/latency";
import type { PresentedFrame } from "./core/stream/media";
import type { Rates } from "./core/stream/rates";

/** All moments are milliseconds of `performance.now()`, all media times seconds. */
export interface Lightcone {
  /** "locating", "queued", "needs_image", "connecting", "live", "away" or "refused". */
  readonly phase: Phase;
  readonly role: Role | null;
  /** This page's seat. */
  readonly seat: string | null;
  /** Place in the queue, 1 is next; null while it waits in none. */
  readonly place: number | null;
  /** Id of the session, the name of its world, and its phase in the last status. */
  readonly session: string | null;
  readonly world: string | null;
  readonly sessionPhase: SessionPhase | null;
  /** Frames a second of its world. */
  readonly fps: number | null;
  /** World frame and late chunks since the session began, as of the last status. */
  readonly worldFrame: number | null;
  readonly stalls: number | null;
  /** Messages of the server that did not fit the protocol; they are not used. */
  readonly unfit: number;
  /** Names of the controls held now, by keys, gamepads and touches together. */
  readonly held: readonly string[];
  /** Strengths of the axes that are moved now, by name. */
  readonly moved: Readonly<Record<string, number>>;
  /** What became of the last prompt, and of going back. */
  readonly prompting: Prompting;
  readonly rewinding: Rewinding;
  /** Media time of the last presented frame. */
  readonly mediaTime: number | null;
  /** The last 1000 frames as presented, oldest first. */
  readonly frames: readonly PresentedFrame[];
  /** The last 5000 presses whose frame was presented, oldest first. */
  readonly samples: readonly LatencySample[];
  /** The last 5000 presses without a receipt within 5 s, or whose connection was lost. */
  readonly lost: readonly Press[];
  /** Of the last second. */
  readonly rates: Rates | null;
}

declare global {
  interface Window {
    readonly lightcone: Lightcone;
  }
}

/** `lightcone` has getters only, so nothing outside can change what the page does. */
export function expose(app: App): void {
  const lightcone: Lightcone = {
    get phase() {
      return app.connection.phase;
    },
    get role() {
      return app.status?.role ?? null;
    },
    get seat() {
      return app.welcome?.seat ?? null;
    },
    get place() {
      return app.connection.queue?.place ?? null;
    },
    get session() {
      return app.connection.session?.id ?? null;
    },
    get world() {
      return app.welcome?.session.world ?? null;
    },
    get sessionPhase() {
      return app.status?.phase ?? null;
    },
    get fps() {
      return app.welcome?.session.fps ?? null;
    },
    get worldFrame() {
      return app.status?.world_frame ?? null;
    },
    get stalls() {
      return app.status?.stalls ?? null;
    },
    get unfit() {
      return app.unfit;
    },
    get held() {
      return app.driving.steering.buttons;
    },
    get moved() {
      return app.driving.steering.moved;
    },
    get prompting() {
      return app.driving.prompting;
    },
    get rewinding() {
      return app.driving.rewinding;
    },
    get mediaTime() {
      return app.frames.last?.mediaTime ?? null;
    },
    get frames() {
      return app.frames.toArray();
    },
    get samples() {
      return app.latency.samples;
    },
    get lost() {
      app.latency.expire(performance.now());
      return app.latency.lost;
    },
    get rates() {
      return app.rates;
    },
  };
  Object.defineProperty(window, "lightcone", { value: Object.freeze(lightcone) });
}
