import { expect, test } from "vitest";
import type { Wish } from "../src/core/connection";
import { Finder } from "../src/shell/finder";
import type { Found } from "../src/shell/sessions";

const wish = (world: string, leave: string | null = null): Wish => ({
  id: null,
  ticket: null,
  ask: { world },
  leave,
});

/** A server that answers when the test lets it, and notes in `calls` what it is asked for. */
class Server {
  readonly calls: string[] = [];
  private readonly waiting: [(found: Found) => void, (error: Error) => void][] = [];

  readonly finder = new Finder({
    locate: ({ ask }) => {
      this.calls.push(`make ${ask.world}`);
      return new Promise((...answer) => this.waiting.push(answer));
    },
    end: async (id) => void this.calls.push(`end ${id}`),
    leaveQueue: async (ticket) => void this.calls.push(`leave ${ticket}`),
  });

  async answer(id: string, created = true): Promise<void> {
    await settled();
    this.waiting.shift()![0]({ session: { id, title: "", whep: "", control: "", created } });
    await settled();
  }

  async queue(ticket: string): Promise<void> {
    await settled();
    this.waiting.shift()![0]({ place: { ticket, place: 1, running: [] } });
    await settled();
  }

  async fail(): Promise<void> {
    await settled();
    this.waiting.shift()![1](new Error("no answer"));
    await settled();
  }
}

const idOf = (found: Found | null) =>
  found !== null && "session" in found ? found.session.id : null;
const settled = () => new Promise((resolve) => setTimeout(resolve));

test("a session is found once the one before has ended", async () => {
  const server = new Server();
  const found = server.finder.find(wish("pond", "a1"));
  await server.answer("a2");
  expect(idOf(await found)).toBe("a2");
  expect(server.calls).toEqual(["end a1", "make pond"]);
});

test("a session that is made for an overtaken wish ends before the next is made", async () => {
  const server = new Server();
  const first = server.finder.find(wish("pond"));
  await settled();
  const second = server.finder.find(wish("court"));
  await settled();
  expect(server.calls).toEqual(["make pond"]);
  await server.answer("a2");
  expect(await first).toBeNull();
  await server.answer("a3");
  expect(idOf(await second)).toBe("a3");
  expect(server.calls).toEqual(["make pond", "end a2", "make court"]);
});

test("one that was there before does not", async () => {
  const server = new Server();
  const first = server.finder.find(wish("pond"));
  await settled();
  void server.finder.find(wish("court"));
  await server.answer("a2", false);
  expect(await first).toBeNull();
  expect(server.calls).toEqual(["make pond", "make court"]);
});

test("of several wishes only the last is fulfilled, and what was left ends all the same", async () => {
  const server = new Server();
  const first = server.finder.find(wish("pond", "a1"));
  const second = server.finder.find(wish("dunes"));
  const third = server.finder.find(wish("court"));
  await server.answer("a2");
  expect([await first, await second, idOf(await third)]).toEqual([null, null, "a2"]);
  expect(server.calls).toEqual(["end a1", "make court"]);
});

test("a failure counts for the last wish alone, and stops none that follows", async () => {
  const server = new Server();
  const first = server.finder.find(wish("pond"));
  await settled();
  const second = server.finder.find(wish("court"));
  await server.fail();
  expect(await first).toBeNull();
  const failing = expect(second).rejects.toThrow("no answer");
  await server.fail();
  await failing;
  const third = server.finder.find(wish("court"));
  await server.answer("a2");
  expect(idOf(await third)).toBe("a2");
});

test("a place in the queue that nobody wants any more is given up", async () => {
  const server = new Server();
  const first = server.finder.find(wish("pond"));
  await settled();
  const second = server.finder.find(wish("court"));
  await server.queue("t1");
  expect(await first).toBeNull();
  await server.queue("t2");
  expect(await second).toMatchObject({ place: { ticket: "t2" } });
  expect(server.calls).toEqual(["make pond", "leave t1", "make court"]);
});
