/** Media time of presented frames. Pure. */

/** One frame as requestVideoFrameCallback reported it. */
export interface PresentedFrame {
  /** RTP timestamp, 90 kHz, mod 2**32. */
  readonly rtpTimestamp: number;
  /** Seconds of the session's stream. */
  readonly mediaTime: number;
  /** When the browser reported the frame as presented: ms of `performance.now()`. */
  readonly presentedAt: number;
  /** When the browser expected it to light up, a refresh or two of the screen later. */
  readonly displayAt: number;
}

export const VIDEO_CLOCK_RATE = 90_000;
const CYCLE_S = 2 ** 32 / VIDEO_CLOCK_RATE;

/**
 * Media time of an RTP video timestamp, `round(media_time * 90000) mod 2**32`, in seconds: the
 * one nearest to `near`. Timestamps come round every 13.3 hours, so `near` may be that far off
 * by half.
 */
export function mediaTimeOf(rtpTimestamp: number, near: number): number {
  const within = rtpTimestamp / VIDEO_CLOCK_RATE;
  return within + CYCLE_S * Math.max(0, Math.round((near - within) / CYCLE_S));
}
