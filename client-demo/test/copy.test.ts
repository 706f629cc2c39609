import { expect, test } from "vitest";
import { type Connection, type SessionEntry, START } from "../src/core/connection";
import {
  announcement,
  consentText,
  gamepadName,
  megabits,
  milliseconds,
  pauseText,
  playText,
  veil,
} from "../src/core/copy";

const at = (change: Partial<Connection>): Connection => ({ ...START, ...change });
const labels = (change: Partial<Connection>) =>
  veil(at(change), null)?.choices.map(({ label }) => label);

test("nothing covers a live session", () => {
  expect(veil(at({ phase: "live" }), "running")).toBeNull();
});

test("a server that is away is named, with a way to try at once", () => {
  const away = at({ phase: "away", problem: "unreachable" });
  expect(veil(away, null)).toMatchObject({ title: "The server is away", busy: false });
  expect(labels(away)).toEqual(["Try now"]);
  const trying = veil(at({ phase: "locating", problem: "unreachable" }), null);
  expect(trying).toMatchObject({ title: "The server is away", busy: true });
});

test("the server's own sentence replaces the general one", () => {
  const no = at({ phase: "away", problem: "unavailable", detail: "weights are missing" });
  expect(veil(no, null)?.text).toBe("weights are missing");
});

test("the first minutes of a session have words of their own", () => {
  expect(veil(START, null)?.title).toBe("Looking for a session");
  expect(veil(at({ phase: "connecting" }), "starting")?.title).toBe("The world is waking up");
  expect(veil(at({ phase: "connecting" }), "running")?.title).toBe("Opening the session");
});

test("the queue shows one's place, what to watch meanwhile, and a way out", () => {
  const court: SessionEntry = {
    ...{ id: "a", title: "Court", whep: "", control: "", created: false },
  };
  const place = { ticket: "t", place: 2, running: [court] };
  const queued = at({ phase: "queued", queue: place });
  expect(veil(queued, null)).toMatchObject({ title: "Place 2 in the queue", busy: true });
  expect(labels(queued)).toEqual(["Watch Court meanwhile", "Leave the queue"]);
});

test("a world that starts from a picture asks for one", () => {
  expect(labels({ phase: "needs_image" })).toEqual(["Choose a picture"]);
});

test("a seat that another tab took can be taken back", () => {
  expect(labels({ phase: "refused", obstacle: "taken_over" })).toEqual(["Use it here"]);
});

test("a restart of the model is named over the picture, and nothing else is", () => {
  expect(pauseText("restoring")).toBe("The model restarts; your session goes on");
  for (const phase of ["starting", "running", "paused", "ended", "failed"] as const)
    expect(pauseText(phase)).toBe("");
});

test("who plays where play is recorded can know it", () => {
  expect(playText("driver")).toBe("Your play is recorded");
  expect(playText("spectator")).toBe("Play is recorded here");
  expect(consentText("For training.")).toBe("For training.");
  expect(consentText("")).toMatch(/^The server keeps pictures, sound and what is pressed/);
});

test("measurements read at a glance", () => {
  expect([milliseconds(null), milliseconds(71.6)]).toEqual(["–", "72"]);
  expect([megabits(null), megabits(1_440_000), megabits(86_000)]).toEqual(["–", "1.4", "0.09"]);
  expect(gamepadName("Xbox Controller (STANDARD GAMEPAD Vendor: 045e)")).toBe("Xbox Controller");
  expect(gamepadName("")).toBe("Gamepad");
});

test("the state of the page is announced in one sentence", () => {
  const over = veil({ ...START, phase: "away", problem: "control_lost" }, null);
  expect(announcement(over, "Court", "")).toBe(
    "Connection lost. Finding the way back to the session. Try now.",
  );
  expect(announcement(null, "Court", "")).toBe("Court");
  expect(announcement(null, "Court", "The model restarts")).toBe("Court: The model restarts");
});
