import { expect, test } from "vitest";
import { padMoves } from "../src/core/input/pad_menu";

const pad = (pressed: number[], axes: number[] = [0, 0]) => ({
  buttons: Array.from({ length: 17 }, (_, i) => ({ pressed: pressed.includes(i) })),
  axes,
});

test("a press is one move, however long it is held", () => {
  expect(padMoves(pad([]), pad([9]))).toEqual(["menu"]);
  expect(padMoves(pad([9]), pad([9, 13]))).toEqual(["next"]);
  expect(padMoves(pad([9]), pad([9]))).toEqual([]);
  expect(padMoves(pad([0, 12]), pad([]))).toEqual([]);
});

test("what was held before it was seen is no move", () => {
  expect(padMoves(null, pad([0]))).toEqual([]);
});

test("the stick is a move each time that it is tilted", () => {
  expect(padMoves(pad([]), pad([], [0, -0.9]))).toEqual(["previous"]);
  expect(padMoves(pad([], [0, -0.9]), pad([], [0, -0.8]))).toEqual([]);
  expect(padMoves(pad([], [0, -0.9]), pad([], [0.9, 0.9]))).toEqual(["more", "next"]);
});
