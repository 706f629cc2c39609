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
  /** Made for this page just now, so that nobody else is in it yet. */
  readonly created: boolean;
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

/** A world to go to: the one with this id where it still runs, else one as asked for. */
export interface Wish {
  readonly id: string | null;
  readonly ask: Ask;
  /** Id of the world to end before. */
  readonly leave: string | null;
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
  /** Nobody else is in the world, as far as is known; counts only while one is in it oneself. */
  readonly alone: boolean;
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
      /** Where one is alone in the world that one is in, end it, so that there is room. */
      readonly leave?: boolean;
    }
  | { readonly type: "located"; readonly world: WorldEntry }
  /** `kind` is the name of the world's kind. */
  | { readonly type: "welcomed"; readonly kind: string }
  | { readonly type: "company"; readonly alone: boolean }
  | { readonly type: "picture" }
  | { readonly type: "failed"; readonly problem: Problem; readonly detail?: string }
  | { readonly type: "refused"; readonly detail: string }
  | { readonly type: "retry" };

export type Effect =
  | ({ readonly type: "locate" } & Wish)
  | { readonly type: "open"; readonly world: WorldEntry }
  | { readonly type: "close" }
  | { readonly type: "wait"; readonly failures: number };

export type Step = readonly [Connection, readonly Effect[]];

export const START: Connection = {
  phase: "locating",
  world: null,
  ask: {},
  alone: false,
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
      const own = isThere(now) && now.alone ? (now.world?.id ?? null) : null;
      const leave = event.leave === true ? own : null;
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
          alone: event.world.created,
          failures: now.failures,
        },
        [{ type: "open", world: event.world }],
      ];
    case "welcomed":
      if (now.phase !== "connecting") return [now, []];
      // What was asked for by name stays the wish where another world had to do.
      return [arrived({ ...now, welcomed: true, ask: { world: event.kind, ...now.ask } }), []];
    case "company":
      if (!isThere(now) || now.alone === event.alone) return [now, []];
      return [{ ...now, alone: event.alone }, []];
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

/** What to ask for instead of what the server refuses; null where only time can help. */
export function insteadOf(
  ask: Ask,
  refusal: { readonly status: number; readonly code: string | null },
): Ask | null {
  if (refusal.code === "unknown-world" && ask.world !== undefined) return {};
  const special = ask.image !== undefined || ask.prompt !== undefined;
  return special && refusal.status < 500 ? kindOf(ask) : null;
}

function isThere({ phase }: Connection): boolean {
  return phase === "connecting" || phase === "live";
}

function arrived(now: Connection): Connection {
  if (!now.welcomed || !now.picture) return now;
  return { ...now, phase: "live", failures: 0, problem: null, detail: null };
}
