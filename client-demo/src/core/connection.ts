/**
 * The page's way to a world and back to it: find or create one, open it (websocket and WHEP
 * together), lose it, wait, try again. Pure: events in, the next state and effects out.
 *
 * Both connections of a world live and die together: who cannot see should not steer.
 */

/** A world as `POST /worlds` and `GET /worlds/{id}` tell it. */
export interface WorldEntry {
  readonly id: string;
  /** Paths of its WHEP endpoint and control websocket. */
  readonly whep: string;
  readonly control: string;
  /** Why this is not a new world of one's own; null where it is, or was asked for by id. */
  readonly joinedBecause: string | null;
}

/** What a new world should be like; what is not said is left to the server. */
export interface Ask {
  readonly world?: string;
  readonly prompt?: string;
  /** Data URL of the picture that it starts from. */
  readonly image?: string;
}

export type Phase =
  | "locating" // asking the server for a world
  | "connecting" // websocket and WHEP are being opened
  | "live" // welcomed, and a frame was shown
  | "away" // nothing to connect to; a retry is due
  | "refused"; // trying again would not help

export type Problem =
  | "unreachable" // no HTTP answer
  | "unavailable" // an HTTP answer that says no
  | "control_lost" // the websocket closed
  | "media_lost" // the peer connection failed, or WHEP did
  | "silent" // the websocket is open and nothing comes
  | "frozen" // media time runs on and the picture does not
  | "ended"; // the world is over

export interface Connection {
  readonly phase: Phase;
  readonly world: WorldEntry | null;
  /** For the world to make where there is none yet, or no longer. */
  readonly ask: Ask;
  readonly welcomed: boolean;
  readonly picture: boolean;
  /** Failures since the page was last live. */
  readonly failures: number;
  readonly problem: Problem | null;
  /** A sentence from the server about the problem, where it gave one. */
  readonly detail: string | null;
}

export type ConnectionEvent =
  | {
      readonly type: "start";
      readonly id: string | null;
      readonly ask?: Ask;
      /** The world that one is in is one's own: end it, so that there is room. */
      readonly leave?: boolean;
    }
  | { readonly type: "located"; readonly world: WorldEntry }
  | { readonly type: "welcomed" }
  | { readonly type: "picture" }
  | { readonly type: "failed"; readonly problem: Problem; readonly detail?: string }
  | { readonly type: "refused"; readonly detail: string }
  | { readonly type: "retry" };

export type Effect =
  | {
      readonly type: "locate";
      readonly id: string | null;
      readonly ask: Ask;
      /** Id of the world to end before. */
      readonly leave: string | null;
    }
  | { readonly type: "open"; readonly world: WorldEntry }
  | { readonly type: "close" }
  | { readonly type: "wait"; readonly failures: number };

export type Step = readonly [Connection, readonly Effect[]];

export const START: Connection = {
  phase: "locating",
  world: null,
  ask: {},
  welcomed: false,
  picture: false,
  failures: 0,
  problem: null,
  detail: null,
};

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 5000;

/** Milliseconds to wait after `failures` in a row; `random` within [0, 1) spreads the visitors. */
export function backoff(failures: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, failures - 1));
  return full * (0.75 + 0.5 * random);
}

/** Events that do not belong to the phase are late ones: they change nothing. */
export function advance(now: Connection, event: ConnectionEvent): Step {
  switch (event.type) {
    case "start": {
      const { id, ask = {} } = event;
      const leave = event.leave === true ? (now.world?.id ?? null) : null;
      const close: Effect[] = now.world === null ? [] : [{ type: "close" }];
      return [{ ...START, ask }, [...close, { type: "locate", id, ask, leave }]];
    }
    case "located":
      if (now.phase !== "locating") return [now, []];
      return [
        {
          ...START,
          phase: "connecting",
          world: event.world,
          ask: kindOf(now.ask),
          failures: now.failures,
        },
        [{ type: "open", world: event.world }],
      ];
    case "welcomed":
      return now.phase === "connecting" ? [arrived({ ...now, welcomed: true }), []] : [now, []];
    case "picture":
      return now.phase === "connecting" ? [arrived({ ...now, picture: true }), []] : [now, []];
    case "failed": {
      if (now.phase === "away" || now.phase === "refused") return [now, []];
      const failures = now.failures + 1;
      const { problem, detail = null } = event;
      return [
        { ...now, phase: "away", failures, problem, detail },
        [{ type: "close" }, { type: "wait", failures }],
      ];
    }
    case "refused":
      return [{ ...now, phase: "refused", detail: event.detail }, [{ type: "close" }]];
    case "retry":
      if (now.phase !== "away") return [now, []];
      return [
        { ...now, phase: "locating" },
        [{ type: "locate", id: now.world?.id ?? null, ask: now.ask, leave: null }],
      ];
  }
}

/** The same world without what was special about it. */
export function kindOf({ world }: Ask): Ask {
  return world === undefined ? {} : { world };
}

function arrived(now: Connection): Connection {
  if (!now.welcomed || !now.picture) return now;
  return { ...now, phase: "live", failures: 0, problem: null, detail: null };
}
