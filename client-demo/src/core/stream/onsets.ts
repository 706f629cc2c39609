/** Sudden rises of sound: steps, hits, shots. Pure. */

export interface Loudness {
  /** Running level of the sound, root mean square; 1 is full scale. */
  readonly level: number;
  readonly at: number | null;
  readonly onsetAt: number | null;
}

export const SILENCE: Loudness = { level: 0, at: null, onsetAt: null };

const FOLLOWS_MS = 150;
const RISE = 2.5;
const FLOOR = 0.02;
const FULL = 0.25; // above the level: as strong as it gets
const APART_MS = 120;
const FORGETS_MS = 500;

/**
 * The loudness after `rms` was measured at `now` (milliseconds), and how strong the onset is, 0 to
 * 1; 0 where there is none.
 */
export function hear(before: Loudness, rms: number, now: number): readonly [Loudness, number] {
  const { level, at, onsetAt } = before;
  const heard = at !== null && now - at < FORGETS_MS;
  const passed = heard ? now - at : Number.POSITIVE_INFINITY;
  const follows = level + (rms - level) * (1 - Math.exp(-passed / FOLLOWS_MS));
  const rests = onsetAt !== null && now - onsetAt < APART_MS;
  const rises = heard && rms > FLOOR + RISE * level;
  if (!rises || rests) return [{ level: follows, at: now, onsetAt }, 0];
  return [{ level: follows, at: now, onsetAt: now }, Math.min(1, (rms - level) / FULL)];
}
