/** Notices connections that are open and dead. Pure. */
import type { SessionPhase } from "../copy";

/** Signs of life. Moments are milliseconds of one monotonic clock. */
export interface Vitals {
  readonly now: number;
  readonly openedAt: number;
  readonly lastMessageAt: number | null;
  /** Frames are only presented to visible pages; the time since which this one is, or null. */
  readonly visibleSince: number | null;
  readonly sessionPhase: SessionPhase | null;
  /** Seconds: the server's media clock, and the media time of the last presented frame. */
  readonly serverMediaTime: number | null;
  readonly shownMediaTime: number | null;
}

const SILENCE_MS = 6000;
const FIRST_PICTURE_MS = 10_000;
const FROZEN_S = 3;

export function ailment(vitals: Vitals): "silent" | "frozen" | null {
  const { now, openedAt, lastMessageAt, visibleSince, serverMediaTime, shownMediaTime } = vitals;
  if (now - (lastMessageAt ?? openedAt) > SILENCE_MS) return "silent";
  if (vitals.sessionPhase !== "running" || visibleSince === null) return null;
  if (now - visibleSince < FROZEN_S * 1000) return null;
  if (shownMediaTime === null)
    return now - Math.max(openedAt, visibleSince) > FIRST_PICTURE_MS ? "frozen" : null;
  return (serverMediaTime ?? 0) - shownMediaTime > FROZEN_S ? "frozen" : null;
}
