import { expect, test } from "vitest";
import { hear, type Loudness, SILENCE } from "../src/core/stream/onsets";

/** Onsets of levels that are measured 60 times a second: index and strength. */
function onsets(levels: readonly number[]): (readonly [number, number])[] {
  let loudness: Loudness = SILENCE;
  return levels.flatMap((rms, index) => {
    const [next, strength] = hear(loudness, rms, (index * 1000) / 60);
    loudness = next;
    return strength > 0 ? [[index, strength] as const] : [];
  });
}

const quiet = (count: number, level = 0.01) => Array<number>(count).fill(level);

test("a hit is felt once, a louder one more", () => {
  const hit = (peak: number) => [...quiet(30), peak, peak * 0.7, peak * 0.4, ...quiet(30)];
  const [soft, ...more] = onsets(hit(0.1));
  expect(soft?.[0]).toBe(30);
  expect(more).toEqual([]);
  expect(onsets(hit(0.2))[0]?.[1]).toBeGreaterThan(soft?.[1] ?? 1);
  expect(onsets(hit(0.9))[0]?.[1]).toBe(1);
});

test("a sound that goes on is felt at its beginning alone", () => {
  expect(onsets([...quiet(30), ...quiet(120, 0.3)]).map(([index]) => index)).toEqual([30]);
});

test("what is there from the beginning, what swells, and what is hardly heard are not felt", () => {
  expect(onsets(quiet(60, 0.3))).toEqual([]);
  expect(onsets(Array.from({ length: 240 }, (_, i) => 0.01 + i / 1000))).toEqual([]);
  expect(onsets([...quiet(30, 0), ...quiet(3, 0.015), ...quiet(30, 0)])).toEqual([]);
});

test("after a pause, what is heard first is no onset", () => {
  let [loudness] = hear(SILENCE, 0.01, 0);
  [loudness] = hear(loudness, 0.01, 16);
  expect(hear(loudness, 0.4, 5000)[1]).toBe(0);
  expect(hear(loudness, 0.4, 33)[1]).toBe(1);
});

test("hits close together are one", () => {
  const hits = [...quiet(30), 0.3, 0.01, 0.3, ...quiet(30), 0.3, ...quiet(9)];
  expect(onsets(hits).map(([index]) => index)).toEqual([30, 63]);
});
