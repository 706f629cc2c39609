import { describe, expect, test } from "vitest";
import {
  advance,
  type Ask,
  backoff,
  type Connection,
  type ConnectionEvent,
  type Effect,
  insteadOf,
  START,
  type WorldEntry,
} from "../src/core/connection";

const WORLD: WorldEntry = {
  id: "w1",
  whep: "/worlds/w1/whep",
  control: "/worlds/w1/control",
  created: true,
  joinedBecause: null,
};

function run(...events: ConnectionEvent[]): [Connection, Effect[]] {
  let connection = START;
  let last: readonly Effect[] = [];
  for (const event of events) [connection, last] = advance(connection, event);
  return [connection, [...last]];
}

const START_EVENT: ConnectionEvent = { type: "start", id: null };
const LOCATED: ConnectionEvent = { type: "located", world: WORLD };
/** A friend's link, to a world that runs already. */
const LINKED: ConnectionEvent[] = [
  { type: "start", id: "w1" },
  { type: "located", world: { ...WORLD, created: false } },
];
const WELCOMED: ConnectionEvent = { type: "welcomed", kind: "court" };
const LIVE: ConnectionEvent[] = [START_EVENT, LOCATED, WELCOMED, { type: "picture" }];
const LOCATE = (id: string | null, ask: Ask = {}, leave: string | null = null): Effect => ({
  type: "locate",
  id,
  ask,
  leave,
});
const LOST: ConnectionEvent = { type: "failed", problem: "control_lost" };
const AWAY: ConnectionEvent = { type: "failed", problem: "unreachable" };

describe("the way there", () => {
  test("looks for the world in the address", () => {
    expect(run({ type: "start", id: "w9" })[1]).toEqual([LOCATE("w9")]);
  });

  test("opens the world that was found", () => {
    const [connection, effects] = run(START_EVENT, LOCATED);
    expect(connection.phase).toBe("connecting");
    expect(effects).toEqual([{ type: "open", world: WORLD }]);
  });

  test.each([
    [WELCOMED, { type: "picture" }],
    [{ type: "picture" }, WELCOMED],
  ] as ConnectionEvent[][])("is live with welcome and picture, in either order", (one, other) => {
    expect(run(START_EVENT, LOCATED, one!)[0].phase).toBe("connecting");
    expect(run(START_EVENT, LOCATED, one!, other!)[0].phase).toBe("live");
  });
});

describe("another world", () => {
  const pond: ConnectionEvent = { type: "start", id: null, ask: { world: "pond", image: "data:" } };

  const ask = { world: "pond", image: "data:" };
  const company = (alone: boolean): ConnectionEvent => ({ type: "company", alone });

  test.each<[string, ConnectionEvent[], string | null]>([
    ["made for this page", [START_EVENT, LOCATED], "w1"],
    ["made for this page, and others came", [...LIVE, company(false)], null],
    ["and went", [...LIVE, company(false), company(true)], "w1"],
    ["made by others", LINKED, null],
    ["made by others, who have gone", [...LINKED, company(true)], "w1"],
    ["lost: others may have come", [...LIVE, LOST], null],
    ["lost, and looked for", [...LIVE, LOST, { type: "retry" }], null],
  ])("closes the one that one is in, and ends it where one is alone: %s", (_, before, left) => {
    const close: Effect[] = [{ type: "close" }];
    expect(run(...before, { ...pond, leave: true })[1]).toEqual([
      ...close,
      LOCATE(null, ask, left),
    ]);
    expect(run(...before, pond)[1]).toEqual([...close, LOCATE(null, ask)]);
  });

  test("has nothing to close or end while none has been found", () => {
    expect(run(START_EVENT, { ...pond, leave: true })[1]).toEqual([LOCATE(null, ask)]);
  });

  test("is asked for again while nobody answers", () => {
    const [, effects] = run(...LIVE, pond, AWAY, { type: "retry" });
    expect(effects).toEqual([LOCATE(null, { world: "pond", image: "data:" })]);
  });

  test("once lost, the next one is of the same kind and not of the same picture", () => {
    const again: ConnectionEvent[] = [LOCATED, { type: "welcomed", kind: "pond" }];
    const [, effects] = run(...LIVE, pond, ...again, LOST, { type: "retry" });
    expect(effects).toEqual([LOCATE("w1", { world: "pond" })]);
  });

  test("after the end of a linked one is of its kind", () => {
    const over: ConnectionEvent[] = [{ type: "failed", problem: "ended" }, { type: "retry" }];
    expect(run(...LINKED, WELCOMED, ...over)[1]).toEqual([LOCATE("w1", { world: "court" })]);
  });

  test("stays the wish where there was no room for it", () => {
    const joined: ConnectionEvent = {
      type: "located",
      world: { ...WORLD, created: false, joinedBecause: "there is no room" },
    };
    const [, effects] = run(...LIVE, pond, joined, WELCOMED, LOST, { type: "retry" });
    expect(effects).toEqual([LOCATE("w1", { world: "pond" })]);
  });
});

describe("what the server refuses", () => {
  test.each<[string, Ask, number, string, Ask | null]>([
    ["a kind that it does not serve", { world: "pond" }, 404, "unknown-world", {}],
    ["one with a picture", { world: "pond", image: "data:" }, 404, "unknown-world", {}],
    ["the default one", {}, 404, "unknown-world", null],
    ["a picture", { world: "pond", image: "data:" }, 422, "bad-image", { world: "pond" }],
    ["words", { prompt: "moon" }, 422, "unknown-words", {}],
    ["anything just now", { world: "pond", prompt: "night" }, 503, "busy", null],
    ["nothing special", { world: "pond" }, 422, "invalid-request", null],
  ])("%s", (_, ask, status, code, instead) => {
    expect(insteadOf(ask, { status, code })).toEqual(instead);
  });
});

describe("the way back", () => {
  test("a loss closes both connections and waits", () => {
    const [connection, effects] = run(...LIVE, LOST);
    expect(connection).toMatchObject({ phase: "away", problem: "control_lost", failures: 1 });
    expect(effects).toEqual([{ type: "close" }, { type: "wait", failures: 1 }]);
  });

  test("a second report of the same loss changes nothing", () => {
    expect(run(...LIVE, LOST, AWAY)).toEqual([run(...LIVE, LOST)[0], []]);
  });

  test("retries ask for the same world, and count up while nobody answers", () => {
    const [connection, effects] = run(...LIVE, LOST, { type: "retry" });
    expect(effects).toEqual([LOCATE("w1", { world: "court" })]);
    expect(connection).toMatchObject({ phase: "locating", problem: "control_lost" });
    const [still] = run(...LIVE, LOST, { type: "retry" }, AWAY, { type: "retry" }, AWAY);
    expect(still).toMatchObject({ phase: "away", problem: "unreachable", failures: 3 });
  });

  test("being live again forgets the failures", () => {
    const again = LIVE.slice(1);
    const [connection] = run(...LIVE, LOST, { type: "retry" }, AWAY, { type: "retry" }, ...again);
    expect(connection).toMatchObject({ phase: "live", failures: 0, problem: null });
  });

  test("reaching the server alone does not: a world that can not be seen keeps backing off", () => {
    const [connection] = run(...LIVE, LOST, { type: "retry" }, LOCATED, {
      type: "failed",
      problem: "media_lost",
    });
    expect(connection.failures).toBe(2);
  });
});

describe("what comes late or out of turn changes nothing", () => {
  test.each<[string, ConnectionEvent[], ConnectionEvent]>([
    ["a retry while live", LIVE, { type: "retry" }],
    ["a second answer", LIVE, LOCATED],
    ["a welcome while away", [...LIVE, LOST], WELCOMED],
    ["others while away", [...LIVE, LOST], { type: "company", alone: false }],
    ["a frame while away", [...LIVE, LOST], { type: "picture" }],
    ["a loss after a refusal", [START_EVENT, { type: "refused", detail: "no" }], LOST],
  ])("%s", (_, before, event) => {
    expect(run(...before, event)).toEqual([run(...before)[0], []]);
  });
});

test("a refusal closes and does not try again", () => {
  const [connection, effects] = run(START_EVENT, LOCATED, { type: "refused", detail: "no codec" });
  expect(connection).toMatchObject({ phase: "refused", detail: "no codec" });
  expect(effects).toEqual([{ type: "close" }]);
});

test("waits grow from under a second to a few seconds, spread by chance", () => {
  const waits = [1, 2, 3, 4, 5, 6, 60].map((failures) => backoff(failures, 0.5));
  expect(waits).toEqual([400, 800, 1600, 3200, 5000, 5000, 5000]);
  expect(backoff(1, 0)).toBe(300);
  expect(backoff(60, 1)).toBe(6250);
});
