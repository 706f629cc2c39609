import { expect, test } from "vitest";
import { count, duration, number, sentence } from "../src/status/format";

test.each([
  [0, "0:00"],
  [59.9, "0:59"],
  [61, "1:01"],
  [3723, "1:02:03"],
  [86_400 * 3 + 4 * 3600 + 59, "3 d 4 h"],
  [-1, "0:00"],
])("%d s is %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test.each([
  [null, 1, "–"],
  [Number.NaN, 1, "–"],
  [0, 2, "0"],
  [1.234, 2, "1.23"],
  [12.34, 2, "12.3"],
  [123.4, 2, "123"],
  [1234567, 0, "1,234,567"],
])("%s with %d digits is %s", (value, digits, text) => {
  expect(number(value, digits)).toBe(text);
});

test("counts agree with their nouns", () => {
  expect(count(1, "viewer")).toBe("1 viewer");
  expect(count(0, "viewer")).toBe("0 viewers");
  expect(count(2, "miss", "misses")).toBe("2 misses");
});

test("a reason becomes a sentence", () => {
  expect(sentence("there is no room")).toBe("There is no room");
  expect(sentence("")).toBe("");
});
