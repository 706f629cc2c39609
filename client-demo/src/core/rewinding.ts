/** Going back in world time: hold to run back, release to go on. Pure. */
import type { Error as Refusal, RewindReceipt } from "../protocol";
import type { PresentedFrame } from "./stream/media";

export interface Rewinding {
  readonly phase:
    | "idle"
    | "back" // held: the session runs back
    | "released" // it goes on as soon as the server has answered
    | "going_on"; // answered, and not yet in the picture
  /** Number of the newest message. */
  readonly seq: number;
  /** World frame where it began, once the server has answered, and the one it has come to. */
  readonly from: number | null;
  readonly at: number;
  /** Media time from which the world goes on, once that is known. */
  readonly shownFrom: number | null;
}

export type RewindEvent =
  | { readonly type: "hold"; readonly seq: number }
  | { readonly type: "release"; readonly seq: number }
  | { readonly type: "receipt"; readonly receipt: RewindReceipt }
  | { readonly type: "refused"; readonly refusal: Refusal }
  /** What is shown now, by a status. */
  | { readonly type: "world_frame"; readonly worldFrame: number }
  | { readonly type: "presented"; readonly frame: PresentedFrame }
  | { readonly type: "forget" };

export const NOT_REWINDING: Rewinding = {
  phase: "idle",
  seq: -1,
  from: null,
  at: 0,
  shownFrom: null,
};

const TOLERANCE_S = 0.002;

/** The next state; the same object where nothing changed. */
export function reduceRewinding(now: Rewinding, event: RewindEvent): Rewinding {
  switch (event.type) {
    case "hold":
      if (now.phase === "back") return now;
      return { ...NOT_REWINDING, phase: "back", seq: event.seq };
    case "release":
      return now.phase === "back" ? { ...now, phase: "released", seq: event.seq } : now;
    case "receipt":
      return answered(now, event.receipt);
    case "refused":
      return now.phase !== "idle" && event.refusal.seq === now.seq ? NOT_REWINDING : now;
    case "world_frame":
      if (now.phase !== "back" || now.from === null || event.worldFrame >= now.at) return now;
      return { ...now, at: event.worldFrame };
    case "presented":
      if (now.shownFrom === null || event.frame.mediaTime < now.shownFrom - TOLERANCE_S) return now;
      return NOT_REWINDING;
    case "forget":
      return now.phase === "idle" ? now : NOT_REWINDING;
  }
}

function answered(now: Rewinding, receipt: RewindReceipt): Rewinding {
  if (receipt.seq !== now.seq) return now;
  const { world_frame, media_time } = receipt;
  if (receipt.action === "start" && now.phase === "back")
    return { ...now, from: world_frame, at: world_frame };
  if (receipt.action === "stop" && now.phase === "released")
    return { ...now, phase: "going_on", at: world_frame, shownFrom: media_time };
  return now;
}

/** How far back it has come, for an overlay; "" while nothing runs back. */
export function rewindText({ phase, from, at }: Rewinding, fps: number): string {
  if (phase === "idle") return "";
  return from !== null && at < from ? `« ${((from - at) / fps).toFixed(1)} s back` : "« back";
}
