import { expect, test } from "vitest";
import { turnLeft, wheelNews, wheelText } from "../src/core/wheel";
import type { Status } from "../src/protocol";
import { STATUS } from "./statuses";

const DRIVER: Status = { ...STATUS, role: "driver", driver: "s1" };
const text = (change: Partial<Status>, seat = "s2", left: number | null = null) =>
  wheelText({ ...STATUS, ...change }, seat, left);
const labels = (change: Partial<Status>, seat = "s2") =>
  text(change, seat).choices.map(({ label }) => label);

test("who drives is named plainly", () => {
  expect(text({}).title).toBe("Somebody else is driving; you are watching");
  expect(text({ driver: null })).toMatchObject({ title: "Nobody is driving; you are watching" });
  expect(text({ driver: null }).text).toMatch(/^The wheel is free\./);
  expect(text(DRIVER, "s1").title).toBe("You are driving");
  expect(text({ ...DRIVER, viewers: 0 }, "s1").text).toBe("Nobody else is here.");
  expect(text({ viewers: 4 }).text).toMatch(/3 other people are here\.$/);
});

test("a spectator may ask, and take it back", () => {
  expect(labels({})).toEqual(["Ask for the wheel"]);
  expect(labels({ asking: ["s2"] })).toEqual(["Just watch"]);
  expect(text({ asking: ["s2"] }).text).toMatch(/^You are next at the wheel\./);
  expect(text({ asking: ["s5", "s2"] }).text).toMatch(/^You are number 2 in line\./);
});

test("a driver hands over to the only one who asks, or chooses among several", () => {
  expect(labels({ ...DRIVER }, "s1")).toEqual(["Just watch"]);
  expect(text({ ...DRIVER, asking: ["s2"] }, "s1").choices).toEqual([
    { action: "give", seat: null, label: "Hand over the wheel" },
    { action: "leave", seat: null, label: "Just watch" },
  ]);
  expect(text({ ...DRIVER, asking: ["s2", "s3"] }, "s1").choices.slice(0, 2)).toEqual([
    { action: "give", seat: "s2", label: "Hand over to s2" },
    { action: "give", seat: "s3", label: "Hand over to s3" },
  ]);
});

test("a turn counts down between two statuses", () => {
  const timed = { ...STATUS, turn_left_s: 12 };
  expect(turnLeft(STATUS, 0, 5000)).toBeNull();
  expect(turnLeft(timed, 1000, 4500)).toBe(8.5);
  expect(turnLeft(timed, 1000, 99_000)).toBe(0);
  expect(text({ ...DRIVER, asking: ["s2"] }, "s1", 8.5).text).toContain("Your turn ends in 9 s.");
  expect(text({ asking: ["s2"] }, "s2", 3).text).toContain("Their turn ends in 3 s.");
  expect(text({ asking: ["s9", "s2"] }, "s2", 3).text).not.toContain("turn ends");
});

test("getting or losing the wheel, and being asked for it, is news; arriving is not", () => {
  expect(wheelNews(STATUS, DRIVER)).toBe("You are driving now");
  expect(wheelNews(DRIVER, STATUS)).toMatch(/Somebody else/);
  expect(wheelNews(DRIVER, { ...STATUS, driver: null })).toBe("You are watching now");
  expect(wheelNews(DRIVER, { ...DRIVER, asking: ["s4"] })).toBe("Somebody asks for the wheel");
  expect(wheelNews(null, DRIVER)).toBeNull();
  expect(wheelNews(STATUS, { ...STATUS, asking: ["s4"] })).toBeNull();
});
