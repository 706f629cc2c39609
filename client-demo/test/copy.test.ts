import { expect, test } from "vitest";
import { type Connection, START } from "../src/core/connection";
import { gamepadName, megabits, milliseconds, roleNews, roleText, veil } from "../src/core/copy";
import type { Status } from "../src/protocol";

const STATUS: Status = {
  type: "status",
  phase: "running",
  role: "viewer",
  media_time: 1,
  viewers: 2,
  driver: true,
  stalls: 0,
  stalled_ms: 0,
  chunk_ms: 40,
  prompt: "",
};
const at = (change: Partial<Connection>): Connection => ({ ...START, ...change });

test("nothing covers a live world", () => {
  expect(veil(at({ phase: "live" }), "running")).toBeNull();
});

test("the server being away is said, with a way to try at once", () => {
  const away = veil(at({ phase: "away", problem: "unreachable" }), null);
  expect(away).toMatchObject({ title: "The server is away", busy: false, action: "Try now" });
  const trying = veil(at({ phase: "locating", problem: "unreachable" }), null);
  expect(trying).toMatchObject({ title: "The server is away", busy: true });
});

test("the server's own sentence replaces the general one", () => {
  const no = at({ phase: "away", problem: "unavailable", detail: "weights are missing" });
  expect(veil(no, null)?.text).toBe("weights are missing");
});

test("the first minutes of a world are told apart", () => {
  expect(veil(START, null)?.title).toBe("Looking for a world");
  expect(veil(at({ phase: "connecting" }), "starting")?.title).toBe("The world is waking up");
  expect(veil(at({ phase: "connecting" }), "running")?.title).toBe("Opening the world");
});

test("who drives is said plainly", () => {
  expect(roleText(STATUS)[0]).toBe("Somebody else is driving; you are watching");
  expect(roleText({ ...STATUS, driver: false })[1]).toMatch(/^The wheel is free\./);
  expect(roleText({ ...STATUS, role: "driver" })[0]).toBe("You are driving");
  expect(roleText({ ...STATUS, role: "driver", viewers: 0 })[1]).toBe("Nobody else is here.");
  expect(roleText({ ...STATUS, viewers: 4 })[1]).toMatch(/3 other people are here\.$/);
});

test("getting or losing the wheel is news, arriving is not", () => {
  expect(roleNews("viewer", "driver")).toMatch(/you are driving now/);
  expect(roleNews("driver", "viewer")).toMatch(/Somebody else/);
  expect(roleNews(null, "driver")).toBeNull();
  expect(roleNews("viewer", "viewer")).toBeNull();
});

test("measurements read at a glance", () => {
  expect([milliseconds(null), milliseconds(71.6)]).toEqual(["–", "72"]);
  expect([megabits(null), megabits(1_440_000), megabits(86_000)]).toEqual(["–", "1.4", "0.09"]);
  expect(gamepadName("Xbox Controller (STANDARD GAMEPAD Vendor: 045e)")).toBe("Xbox Controller");
  expect(gamepadName("")).toBe("Gamepad");
});
