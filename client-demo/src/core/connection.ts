/**
 * The page's way to a session and back to it: find, create or queue for one, open it (websocket
 * and WHEP together), lose it, wait, try again. Pure: events in, the next state and effects out.
 *
 * Both connections of a session live and die together: who cannot see should not steer.
 */
import type { Role } from "./copy";

/** A session as `POST /sessions` and `GET /sessions/{id}` describe it. */
export interface SessionEntry {
  readonly id: string;
  /** Title of its world. */
  readonly title: string;
  /** Paths of its WHEP endpoint and control websocket. */
  readonly whep: string;
  readonly control: string;
  /** Made for this page just now, so that nobody else is in it yet. */
  readonly created: boolean;
}

/** What a new session should be like; what is left out is up to the server. */
export interface Ask {
  readonly world?: string;
  readonly seed?: number;
  readonly prompt?: string;
  /** Data URL of the picture that it starts from. */
  readonly image?: string;
  /** Id of the snapshot that it goes on from. */
  readonly snapshot?: string;
}

/** A place in the queue for a session. */
export interface Place {
  readonly ticket: string;
  /** 1 is next. */
  readonly place: number;
  /** Sessions to watch meanwhile. */
  readonly running: readonly SessionEntry[];
}

/**
 * A session to go to: the one with this id where it still runs, else the one that this ticket
 * waits for, else one as asked for.
 */
export interface Wish {
  readonly id: string | null;
  readonly ticket: string | null;
  readonly ask: Ask;
  /** Id of the session to end before. */
  readonly leave: string | null;
}

export type Phase =
  | "locating" // asking the server for a session
  | "queued" // there is no room yet
  | "needs_image" // the world starts from a picture, and there is none yet
  | "connecting" // websocket and WHEP are being opened
  | "live" // welcomed, and a frame was shown
  | "away" // nothing to connect to; a retry is due
  | "refused"; // trying again by itself would not help

export type Problem =
  | "unreachable" // no HTTP answer
  | "unavailable" // a refusal by HTTP
  | "control_lost" // the websocket closed
  | "media_lost" // the peer connection failed, or WHEP did
  | "silent" // the websocket is open and nothing comes
  | "frozen" // media time runs on and the picture does not
  | "ended"; // the session is over

export type Obstacle =
  | "unsupported" // this browser and this server do not fit together
  | "taken_over" // another tab took this page's seat
  | "no_access" // only another link or token helps
  | "left_queue"; // the visitor did

export interface Connection {
  readonly phase: Phase;
  readonly session: SessionEntry | null;
  /** For the session to make where there is none yet, or no longer. */
  readonly ask: Ask;
  /** Where one waits for a session; one may watch another meanwhile. */
  readonly queue: Place | null;
  /** Nobody else is in the session, as far as is known; counts only while one is in it oneself. */
  readonly alone: boolean;
  readonly welcomed: boolean;
  readonly picture: boolean;
  /** Failures since the page was last live. */
  readonly failures: number;
  readonly problem: Problem | null;
  readonly obstacle: Obstacle | null;
  /** A sentence from the server about the problem or obstacle, where it gave one. */
  readonly detail: string | null;
}

export type ConnectionEvent =
  | {
      readonly type: "start";
      readonly id: string | null;
      readonly ticket?: string | null;
      readonly ask?: Ask;
      /** Where one is alone in the session that one is in, end it, so that there is room. */
      readonly leave?: boolean;
    }
  | { readonly type: "located"; readonly session: SessionEntry }
  /** A place in the queue, or a new one. */
  | { readonly type: "queued"; readonly place: Place }
  /** Watch this session while waiting. */
  | { readonly type: "watch"; readonly session: SessionEntry }
  /** The session that was waited for. */
  | { readonly type: "admitted"; readonly session: SessionEntry }
  /** The server knows the ticket no more. */
  | { readonly type: "lapsed" }
  | { readonly type: "leave_queue" }
  | { readonly type: "needs_image"; readonly ask: Ask }
  | { readonly type: "welcomed"; readonly world: string }
  | { readonly type: "company"; readonly alone: boolean }
  | { readonly type: "picture" }
  | {
      readonly type: "failed";
      readonly problem: Problem;
      readonly detail?: string;
      /** The server asks to come back no earlier, in seconds. */
      readonly retryS?: number;
    }
  | { readonly type: "refused"; readonly obstacle: Obstacle; readonly detail?: string }
  | { readonly type: "retry" };

export type Effect =
  | ({ readonly type: "locate" } & Wish)
  | { readonly type: "open"; readonly session: SessionEntry; readonly want: Role }
  | { readonly type: "close" }
  | { readonly type: "wait"; readonly failures: number; readonly leastS: number }
  /** Ask for this ticket from now on, or no more. */
  | { readonly type: "queue"; readonly ticket: string }
  | { readonly type: "unqueue"; readonly ticket: string };

export type Step = readonly [Connection, readonly Effect[]];

export const START: Connection = {
  phase: "locating",
  session: null,
  ask: {},
  queue: null,
  alone: false,
  welcomed: false,
  picture: false,
  failures: 0,
  problem: null,
  obstacle: null,
  detail: null,
};

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 5000;

/**
 * Milliseconds to wait after `failures` in a row, `leastS` seconds at least; `random` within
 * [0, 1) spreads the visitors.
 */
export function backoff(failures: number, random: number, leastS = 0): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, failures - 1));
  return 1000 * leastS + full * (0.75 + 0.5 * random);
}

/** Events that do not belong to the phase are late ones: they change nothing. */
export function advance(now: Connection, event: ConnectionEvent): Step {
  switch (event.type) {
    case "start": {
      const { id, ticket = null, ask = {} } = event;
      const own = isThere(now) && now.alone ? (now.session?.id ?? null) : null;
      const leave = event.leave === true ? own : null;
      return [{ ...START, ask }, [...gone(now), { type: "locate", id, ticket, ask, leave }]];
    }
    case "needs_image":
      return [{ ...START, ask: event.ask, phase: "needs_image" }, gone(now)];
    case "located":
      return now.phase === "locating" ? open(now, event.session, "driver") : [now, []];
    case "queued":
    case "watch":
    case "admitted":
    case "lapsed":
    case "leave_queue":
      return inQueue(now, event);
    case "welcomed":
      if (now.phase !== "connecting") return [now, []];
      return [arrived({ ...now, welcomed: true, ask: wishAfter(now, event.world) }), []];
    case "company":
      if (!isThere(now) || now.alone === event.alone) return [now, []];
      return [{ ...now, alone: event.alone }, []];
    case "picture":
      return now.phase === "connecting" ? [arrived({ ...now, picture: true }), []] : [now, []];
    case "failed":
      return failed(now, event.problem, event.detail ?? null, event.retryS ?? 0);
    case "refused":
      return refused(now, event.obstacle, event.detail ?? null);
    case "retry":
      if (now.phase !== "away") return [now, []];
      return [{ ...now, phase: "locating" }, [locate(now.ask, now.session?.id)]];
  }
}

/** The same world without what was special about it. */
export function worldOf({ world }: Ask): Ask {
  return world === undefined ? {} : { world };
}

/** What to ask for instead of what the server refuses; null where only time can help. */
export function insteadOf(
  ask: Ask,
  refusal: { readonly status: number; readonly code: string | null },
): Ask | null {
  if (refusal.code === "unknown-world" && ask.world !== undefined) return {};
  const special = [ask.image, ask.prompt, ask.seed, ask.snapshot].some(
    (each) => each !== undefined,
  );
  const final = refusal.status < 500 && refusal.status !== 429;
  return special && final ? worldOf(ask) : null;
}

type QueueEvent = Extract<
  ConnectionEvent,
  { readonly type: "queued" | "watch" | "admitted" | "lapsed" | "leave_queue" }
>;

function inQueue(now: Connection, event: QueueEvent): Step {
  if (event.type === "queued") {
    const { place } = event;
    if (now.phase === "locating")
      return [
        { ...START, ask: now.ask, phase: "queued", queue: place },
        [{ type: "queue", ticket: place.ticket }],
      ];
    return now.queue?.ticket === place.ticket ? [{ ...now, queue: place }, []] : [now, []];
  }
  if (now.queue === null) return [now, []];
  const unqueue: Effect = { type: "unqueue", ticket: now.queue.ticket };
  switch (event.type) {
    case "watch":
      return now.phase === "queued" ? open(now, event.session, "spectator") : [now, []];
    case "admitted": {
      const [next, effects] = open({ ...now, queue: null }, event.session, "driver");
      return [next, [...gone(now), ...effects]];
    }
    case "lapsed":
      return [{ ...START, ask: now.ask }, [...gone(now), locate(now.ask)]];
    case "leave_queue":
      if (isThere(now)) return [{ ...now, queue: null }, [unqueue]];
      return refused(now, "left_queue", null);
  }
}

function failed(now: Connection, problem: Problem, detail: string | null, leastS: number): Step {
  if (!["locating", "connecting", "live"].includes(now.phase)) return [now, []];
  // What one watched while waiting; the wait goes on.
  if (now.queue !== null)
    return [{ ...START, ask: now.ask, phase: "queued", queue: now.queue }, [{ type: "close" }]];
  const failures = now.failures + 1;
  return [
    { ...now, phase: "away", failures, problem, detail },
    [{ type: "close" }, { type: "wait", failures, leastS }],
  ];
}

function refused(now: Connection, obstacle: Obstacle, detail: string | null): Step {
  const next: Connection = { ...now, phase: "refused", obstacle, detail, queue: null };
  const unqueue: Effect[] =
    now.queue === null ? [] : [{ type: "unqueue", ticket: now.queue.ticket }];
  return [next, [{ type: "close" }, ...unqueue]];
}

function open(now: Connection, session: SessionEntry, want: Role): Step {
  const next: Connection = {
    ...START,
    phase: "connecting",
    session,
    ask: want === "driver" ? worldOf(now.ask) : now.ask,
    queue: now.queue,
    alone: session.created,
    failures: now.failures,
  };
  return [next, [{ type: "open", session, want }]];
}

function locate(ask: Ask, id: string | null = null): Effect {
  return { type: "locate", id, ticket: null, ask, leave: null };
}

/** What is left when the page turns to something else. */
function gone(now: Connection): Effect[] {
  return [
    ...(now.session === null ? [] : [{ type: "close" } as const]),
    ...(now.queue === null ? [] : [{ type: "unqueue", ticket: now.queue.ticket } as const]),
  ];
}

/** What was asked for by name stays the wish while one only waits for it. */
function wishAfter(now: Connection, world: string): Ask {
  return now.queue === null ? { world } : now.ask;
}

function isThere({ phase }: Connection): boolean {
  return phase === "connecting" || phase === "live";
}

function arrived(now: Connection): Connection {
  if (!now.welcomed || !now.picture) return now;
  return { ...now, phase: "live", failures: 0, problem: null, detail: null };
}
