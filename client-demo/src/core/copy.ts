/** The texts of the page. Pure. */
import type { Status } from "../protocol";
import type { Connection, Obstacle, Problem, SessionEntry } from "./connection";
import { sentences } from "./sentences";

export type Role = Status["role"];
export type SessionPhase = Status["phase"];

/** What a button on the card does. */
export type Action =
  | { readonly type: "retry" }
  | { readonly type: "watch"; readonly session: SessionEntry }
  | { readonly type: "leave_queue" }
  | { readonly type: "choose_image" };

export interface Choice {
  readonly label: string;
  readonly action: Action;
}

/** The card over the picture while there is none to watch. */
export interface Veil {
  readonly title: string;
  readonly text: string;
  /** Something is under way, as opposed to waiting for the visitor. */
  readonly busy: boolean;
  readonly choices: readonly Choice[];
}

const PROBLEMS: Readonly<Record<Problem, readonly [title: string, text: string]>> = {
  unreachable: [
    "The server is away",
    "Nothing answers at this address. The page goes on by itself as soon as something does.",
  ],
  unavailable: ["No session just now", "The server answers, but has no session for this page."],
  control_lost: ["Connection lost", "Finding the way back to the session."],
  media_lost: ["The picture was lost", "Finding the way back to the session."],
  silent: ["Connection lost", "The server has gone quiet. Finding the way back."],
  frozen: ["The picture froze", "The session goes on; fetching it anew."],
  ended: ["This session has ended", "A new one is on its way."],
};

const OBSTACLES: Readonly<Record<Obstacle, readonly [title: string, text: string, again: string]>> =
  {
    unsupported: ["This will not work", "", "Start over"],
    taken_over: ["Your seat is used elsewhere", "Another tab or window took it.", "Use it here"],
    no_access: ["You are not let in", "Open a link that somebody gave you.", "Try again"],
    left_queue: ["You left the queue", "", "Ask for a session"],
  };

const MOST_OFFERED = 3;

/** Null while the session is there to watch. */
export function veil(connection: Connection, session: SessionPhase | null): Veil | null {
  const { phase, problem, obstacle, detail } = connection;
  if (phase === "live") return null;
  if (phase === "queued") return queueVeil(connection);
  if (phase === "needs_image")
    return {
      title: "This world starts from a picture",
      text: "Choose one, or drop it here.",
      busy: false,
      choices: [{ label: "Choose a picture", action: { type: "choose_image" } }],
    };
  if (obstacle !== null) {
    const [title, text, again] = OBSTACLES[obstacle];
    return { title, text: detail ?? text, busy: false, choices: [retry(again)] };
  }
  if (problem !== null) {
    const [title, text] = PROBLEMS[problem];
    return { title, text: detail ?? text, busy: phase !== "away", choices: [retry("Try now")] };
  }
  return { title: underWay(phase, session), text: "", busy: true, choices: [] };
}

/** What to say of the page's state to who can not see it. */
export function announcement(veil: Veil | null, title: string, pause: string): string {
  if (veil === null) return [title, pause].filter((part) => part !== "").join(": ");
  return sentences(veil.title, veil.text, veil.choices.map(({ label }) => label).join(", "));
}

/** Over the picture that stays while nothing moves; "" otherwise. */
export function pauseText(phase: SessionPhase): string {
  return phase === "restoring" ? "The model restarts; your session goes on" : "";
}

/** The sign in a session whose play the server keeps. */
export const playText = (role: Role): string =>
  role === "driver" ? "Your play is recorded" : "Play is recorded here";

/** What there is to know about that; `consent` is the server's word. */
export const consentText = (consent: string): string =>
  consent || "The server keeps pictures, sound and what is pressed while somebody drives.";

/** `Gamepad.id` without the vendor and product numbers that browsers append. */
export function gamepadName(id: string): string {
  return id.replace(/\s*\(.*$/, "") || "Gamepad";
}

/** For a message of the server that this page can not read. */
export const unfitText = (fault: string): string =>
  `The server sent something that this page does not understand (${fault}). Reload the page.`;

export const placeText = (place: number): string => `Place ${place} in the queue`;

export const milliseconds = (ms: number | null): string => (ms === null ? "–" : ms.toFixed(0));

export const perSecond = (fps: number | null): string => (fps === null ? "–" : fps.toFixed(0));

/** Megabits a second. */
export const megabits = (bitrate: number | null): string =>
  bitrate === null ? "–" : (bitrate / 1e6).toFixed(bitrate < 1e6 ? 2 : 1);

function queueVeil({ queue }: Connection): Veil {
  const watch = (queue?.running ?? []).slice(0, MOST_OFFERED).map(
    (session): Choice => ({
      label: `Watch ${session.title} meanwhile`,
      action: { type: "watch", session },
    }),
  );
  return {
    title: placeText(queue?.place ?? 1),
    text: "There is no room for another session now. Yours begins as soon as there is.",
    busy: true,
    choices: [...watch, { label: "Leave the queue", action: { type: "leave_queue" } }],
  };
}

function underWay(phase: Connection["phase"], session: SessionPhase | null): string {
  if (phase === "locating") return "Looking for a session";
  return session === "starting" ? "The world is waking up" : "Opening the session";
}

function retry(label: string): Choice {
  return { label, action: { type: "retry" } };
}
