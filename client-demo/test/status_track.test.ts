import { expect, test } from "vitest";
import { Track } from "../src/status/track";

const lines = (track: Track) => Object.fromEntries(track.lines);

test("a line that comes later has no values before", () => {
  const track = new Track(10);
  track.add(1, { a: 1 });
  track.add(2, { a: 2, b: 5 });
  expect(track.times).toEqual([1, 2]);
  expect(lines(track)).toEqual({ a: [1, 2], b: [null, 5] });
});

test("a line that is gone is interrupted, and forgotten once nothing of it is left", () => {
  const track = new Track(2);
  track.add(1, { a: 1, b: 1 });
  track.add(2, { a: 2 });
  expect(lines(track)).toEqual({ a: [1, 2], b: [1, null] });
  track.add(4, { a: 4 });
  expect(track.times).toEqual([2, 4]);
  expect(lines(track)).toEqual({ a: [2, 4] });
});

test("while nothing is known, every line is interrupted", () => {
  const track = new Track(10);
  track.add(1, { a: 1 });
  track.gap(2);
  track.add(3, { a: 3 });
  expect(lines(track)).toEqual({ a: [1, null, 3] });
});

test("time does not go back", () => {
  const track = new Track(10);
  track.add(2, { a: 2 });
  track.add(2, { a: 3 });
  track.add(1, { a: 4 });
  expect(lines(track)).toEqual({ a: [2] });
});
