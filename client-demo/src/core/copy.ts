/** What the page says, in words. Pure. */
import type { Status } from "../protocol";
import type { Connection, Problem } from "./connection";

export type Role = Status["role"];
export type WorldPhase = Status["phase"];

/** The card over the picture while there is none to watch. */
export interface Veil {
  readonly title: string;
  readonly text: string;
  /** Something is under way, as opposed to waiting for the visitor. */
  readonly busy: boolean;
  /** Words of the button that tries again, null where it would not help. */
  readonly action: string | null;
}

const PROBLEMS: Readonly<Record<Problem, readonly [title: string, text: string]>> = {
  unreachable: [
    "The server is away",
    "Nothing answers at this address. The page goes on by itself as soon as something does.",
  ],
  unavailable: ["No world to show just now", "The server answers, but has no world for this page."],
  control_lost: ["Connection lost", "Finding the way back to the world."],
  media_lost: ["The picture was lost", "Finding the way back to the world."],
  silent: ["Connection lost", "The server has gone quiet. Finding the way back."],
  frozen: ["The picture froze", "The world goes on; fetching it anew."],
  ended: ["This world has ended", "A new one is on its way."],
};

/** Null while the world is there to watch. */
export function veil(connection: Connection, world: WorldPhase | null): Veil | null {
  const { phase, problem, detail } = connection;
  if (phase === "live") return null;
  if (phase === "refused")
    return { title: "This will not work", text: detail ?? "", busy: false, action: "Start over" };
  if (problem !== null) {
    const [title, text] = PROBLEMS[problem];
    return { title, text: detail ?? text, busy: phase !== "away", action: "Try now" };
  }
  if (phase === "locating")
    return { title: "Looking for a world", text: "", busy: true, action: null };
  if (world === "starting")
    return { title: "The world is waking up", text: "", busy: true, action: null };
  return { title: "Opening the world", text: "", busy: true, action: null };
}

/** Who steers and who else is here, in a headline and a sentence. */
export function roleText(status: Status): readonly [title: string, text: string] {
  const others = othersText(Math.max(0, status.viewers - 1));
  if (status.role === "driver") return ["You are driving", others];
  if (status.driver)
    return [
      "Somebody else is driving; you are watching",
      `The wheel comes to you when it is free. ${others}`,
    ];
  return ["Nobody is driving; you are watching", `The wheel is free. ${others}`];
}

function othersText(others: number): string {
  if (others === 0) return "Nobody else is here.";
  return others === 1 ? "One other person is here." : `${others} other people are here.`;
}

/** What to announce when the role changes; null where it is no news. */
export function roleNews(before: Role | null, after: Role): string | null {
  if (before === "viewer" && after === "driver") return "The wheel is free: you are driving now";
  if (before === "driver" && after === "viewer") return "Somebody else has the wheel now";
  return null;
}

/** `Gamepad.id` without the vendor and product numbers that browsers append. */
export function gamepadName(id: string): string {
  return id.replace(/\s*\(.*$/, "") || "Gamepad";
}

export const milliseconds = (ms: number | null): string => (ms === null ? "–" : ms.toFixed(0));

export const perSecond = (fps: number | null): string => (fps === null ? "–" : fps.toFixed(0));

/** Megabits a second. */
export const megabits = (bitrate: number | null): string =>
  bitrate === null ? "–" : (bitrate / 1e6).toFixed(bitrate < 1e6 ? 2 : 1);
