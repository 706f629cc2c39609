import { describe, expect, test } from "vitest";
import {
  type Ask,
  advance,
  backoff,
  type Connection,
  type ConnectionEvent,
  type Effect,
  insteadOf,
  type Place,
  type SessionEntry,
  START,
} from "../src/core/connection";

const SESSION: SessionEntry = {
  id: "a1",
  title: "Court",
  whep: "/sessions/a1/whep",
  control: "/sessions/a1/control",
  created: true,
};

function run(...events: ConnectionEvent[]): [Connection, Effect[]] {
  let connection = START;
  let last: readonly Effect[] = [];
  for (const event of events) [connection, last] = advance(connection, event);
  return [connection, [...last]];
}

const START_EVENT: ConnectionEvent = { type: "start", id: null };
const LOCATED: ConnectionEvent = { type: "located", session: SESSION };
/** A friend's link, to a session that runs already. */
const LINKED: ConnectionEvent[] = [
  { type: "start", id: "a1" },
  { type: "located", session: { ...SESSION, created: false } },
];
const WELCOMED: ConnectionEvent = { type: "welcomed", world: "court" };
const LIVE: ConnectionEvent[] = [START_EVENT, LOCATED, WELCOMED, { type: "picture" }];
const LOCATE = (id: string | null, ask: Ask = {}, leave: string | null = null): Effect => ({
  type: "locate",
  id,
  ticket: null,
  ask,
  leave,
});
const LOST: ConnectionEvent = { type: "failed", problem: "control_lost" };
const AWAY: ConnectionEvent = { type: "failed", problem: "unreachable" };

describe("the way there", () => {
  test("looks for the session in the address", () => {
    expect(run({ type: "start", id: "a9" })[1]).toEqual([LOCATE("a9")]);
  });

  test("opens the session that was found", () => {
    const [connection, effects] = run(START_EVENT, LOCATED);
    expect(connection.phase).toBe("connecting");
    expect(effects).toEqual([{ type: "open", session: SESSION, want: "driver" }]);
  });

  test.each([
    [WELCOMED, { type: "picture" }],
    [{ type: "picture" }, WELCOMED],
  ] as ConnectionEvent[][])("is live with welcome and picture, in either order", (one, other) => {
    expect(run(START_EVENT, LOCATED, one!)[0].phase).toBe("connecting");
    expect(run(START_EVENT, LOCATED, one!, other!)[0].phase).toBe("live");
  });
});

describe("another session", () => {
  const pond: ConnectionEvent = { type: "start", id: null, ask: { world: "pond", image: "data:" } };

  const ask = { world: "pond", image: "data:" };
  const company = (alone: boolean): ConnectionEvent => ({ type: "company", alone });

  test.each<[string, ConnectionEvent[], string | null]>([
    ["made for this page", [START_EVENT, LOCATED], "a1"],
    ["made for this page, and others came", [...LIVE, company(false)], null],
    ["and went", [...LIVE, company(false), company(true)], "a1"],
    ["made by others", LINKED, null],
    ["made by others, who have gone", [...LINKED, company(true)], "a1"],
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

  test("once lost, the next one is of the same world and not of the same picture", () => {
    const again: ConnectionEvent[] = [LOCATED, { type: "welcomed", world: "pond" }];
    const [, effects] = run(...LIVE, pond, ...again, LOST, { type: "retry" });
    expect(effects).toEqual([LOCATE("a1", { world: "pond" })]);
  });

  test("after the end of a linked one is of its world", () => {
    const over: ConnectionEvent[] = [{ type: "failed", problem: "ended" }, { type: "retry" }];
    expect(run(...LINKED, WELCOMED, ...over)[1]).toEqual([LOCATE("a1", { world: "court" })]);
  });
});

describe("what the server refuses", () => {
  test.each<[string, Ask, number, string, Ask | null]>([
    ["a world that it does not serve", { world: "pond" }, 404, "unknown-world", {}],
    ["one with a picture", { world: "pond", image: "data:" }, 404, "unknown-world", {}],
    ["the default one", {}, 404, "unknown-world", null],
    ["a picture", { world: "pond", image: "data:" }, 422, "bad-image", { world: "pond" }],
    ["a snapshot", { world: "pond", snapshot: "x" }, 422, "bad-snapshot", { world: "pond" }],
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
    expect(effects).toEqual([{ type: "close" }, { type: "wait", failures: 1, leastS: 0 }]);
  });

  test("a second report of the same loss changes nothing", () => {
    expect(run(...LIVE, LOST, AWAY)).toEqual([run(...LIVE, LOST)[0], []]);
  });

  test("retries ask for the same session, and count up while nobody answers", () => {
    const [connection, effects] = run(...LIVE, LOST, { type: "retry" });
    expect(effects).toEqual([LOCATE("a1", { world: "court" })]);
    expect(connection).toMatchObject({ phase: "locating", problem: "control_lost" });
    const [still] = run(...LIVE, LOST, { type: "retry" }, AWAY, { type: "retry" }, AWAY);
    expect(still).toMatchObject({ phase: "away", problem: "unreachable", failures: 3 });
  });

  test("being live again forgets the failures", () => {
    const again = LIVE.slice(1);
    const [connection] = run(...LIVE, LOST, { type: "retry" }, AWAY, { type: "retry" }, ...again);
    expect(connection).toMatchObject({ phase: "live", failures: 0, problem: null });
  });

  test("reaching the server alone does not: a session that can not be seen keeps backing off", () => {
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
    ["a loss after a refusal", [START_EVENT, { type: "refused", obstacle: "unsupported" }], LOST],
  ])("%s", (_, before, event) => {
    expect(run(...before, event)).toEqual([run(...before)[0], []]);
  });
});

test("a refusal closes and does not try again", () => {
  const refused: ConnectionEvent = { type: "refused", obstacle: "unsupported", detail: "no codec" };
  const [connection, effects] = run(START_EVENT, LOCATED, refused);
  expect(connection).toMatchObject({ phase: "refused", detail: "no codec" });
  expect(effects).toEqual([{ type: "close" }]);
});

describe("the queue", () => {
  const OTHER: SessionEntry = { ...SESSION, id: "a2", created: false };
  const place = (n: number, ticket = "t1"): Place => ({
    ...{ ticket, place: n, running: [OTHER] },
  });
  const QUEUED: ConnectionEvent[] = [
    { type: "start", id: null, ask: { world: "pond", prompt: "night" } },
    { type: "queued", place: place(2) },
  ];
  const ASK = { world: "pond", prompt: "night" };
  const WATCHING: ConnectionEvent[] = [...QUEUED, { type: "watch", session: OTHER }];
  const LEAVE: ConnectionEvent = { type: "leave_queue" };

  test("a place is asked for from the moment there is no room", () => {
    const [connection, effects] = run(...QUEUED);
    expect(connection).toMatchObject({ phase: "queued", queue: { place: 2 } });
    expect(effects).toEqual([{ type: "queue", ticket: "t1" }]);
  });

  test("a ticket in the address is asked about first", () => {
    const [, effects] = run({ type: "start", id: null, ticket: "t9" });
    expect(effects).toEqual([{ ...LOCATE(null), ticket: "t9" }]);
  });

  test("one moves up, and a place with another ticket is a late one", () => {
    expect(run(...QUEUED, { type: "queued", place: place(1) })[0].queue?.place).toBe(1);
    const late: ConnectionEvent = { type: "queued", place: place(1, "t0") };
    expect(run(...QUEUED, late)).toEqual([run(...QUEUED)[0], []]);
  });

  test("one may watch meanwhile, and is no driver there", () => {
    const [connection, effects] = run(...WATCHING);
    expect(connection).toMatchObject({ phase: "connecting", queue: { ticket: "t1" }, ask: ASK });
    expect(effects).toEqual([{ type: "open", session: OTHER, want: "spectator" }]);
    const live = run(...WATCHING, { type: "welcomed", world: "court" }, { type: "picture" });
    expect(live[0]).toMatchObject({ phase: "live", queue: { place: 2 }, ask: ASK });
  });

  test("what one watches may end; the place stays", () => {
    const [connection, effects] = run(...WATCHING, { type: "failed", problem: "ended" });
    expect(connection).toMatchObject({ phase: "queued", queue: { place: 2 }, session: null });
    expect(effects).toEqual([{ type: "close" }]);
  });

  test.each([
    ["while waiting", QUEUED, []],
    ["while watching", WATCHING, [{ type: "close" }]],
  ] as [string, ConnectionEvent[], Effect[]][])("the session comes %s", (_, before, closed) => {
    const [connection, effects] = run(...before, { type: "admitted", session: SESSION });
    expect(connection).toMatchObject({ phase: "connecting", queue: null, session: SESSION });
    expect(effects).toEqual([
      ...closed,
      { type: "unqueue", ticket: "t1" },
      { type: "open", session: SESSION, want: "driver" },
    ]);
  });

  test("a place that lapsed is asked for anew", () => {
    const [connection, effects] = run(...WATCHING, { type: "lapsed" });
    expect(connection).toMatchObject({ phase: "locating", queue: null });
    expect(effects.at(-1)).toEqual(LOCATE(null, ASK));
  });

  test("it can be left, and what one watches stays", () => {
    expect(run(...QUEUED, LEAVE)[0]).toMatchObject({ phase: "refused", obstacle: "left_queue" });
    expect(run(...QUEUED, LEAVE)[1]).toContainEqual({ type: "unqueue", ticket: "t1" });
    const [connection, effects] = run(...WATCHING, LEAVE);
    expect(connection).toMatchObject({ phase: "connecting", queue: null });
    expect(effects).toEqual([{ type: "unqueue", ticket: "t1" }]);
  });

  test("going elsewhere gives the place up", () => {
    const [, effects] = run(...QUEUED, START_EVENT);
    expect(effects).toEqual([{ type: "unqueue", ticket: "t1" }, LOCATE(null)]);
  });

  test.each([
    LEAVE,
    { type: "lapsed" },
    { type: "admitted", session: SESSION },
  ] as ConnectionEvent[])("without a place, %o changes nothing", (event) =>
    expect(run(...LIVE, event)).toEqual([run(...LIVE)[0], []]),
  );
});

test("a world that needs a picture waits for one", () => {
  const ask = { world: "photo" };
  const needs: ConnectionEvent = { type: "needs_image", ask };
  expect(run(START_EVENT, needs)).toEqual([{ ...START, phase: "needs_image", ask }, []]);
  expect(run(...LIVE, needs)[1]).toEqual([{ type: "close" }]);
  const [, effects] = run(START_EVENT, needs, { type: "start", id: null, ask: { image: "data:" } });
  expect(effects).toEqual([LOCATE(null, { image: "data:" })]);
});

test("waits grow from under a second to a few seconds, spread by chance", () => {
  const waits = [1, 2, 3, 4, 5, 6, 60].map((failures) => backoff(failures, 0.5));
  expect(waits).toEqual([400, 800, 1600, 3200, 5000, 5000, 5000]);
  expect(backoff(1, 0.5, 30)).toBe(30_400); // the server asks for longer
  expect(backoff(1, 0)).toBe(300);
  expect(backoff(60, 1)).toBe(6250);
});
