import { expect, test } from "vitest";
import type { Ask, Wish, WorldEntry } from "../src/core/connection";
import { Finder } from "../src/shell/finder";

const wish = (world: string, leave: string | null = null): Wish => ({
  id: null,
  ask: { world },
  leave,
});

/** A server that answers when it is told to, and notes in `calls` what it is asked for. */
class Server {
  readonly calls: string[] = [];
  private readonly waiting: [(world: WorldEntry) => void, (error: Error) => void][] = [];

  readonly finder = new Finder({
    locate: (_, { world }: Ask) => {
      this.calls.push(`make ${world}`);
      return new Promise((...answer) => this.waiting.push(answer));
    },
    end: async (id) => void this.calls.push(`end ${id}`),
  });

  async answer(id: string, created = true): Promise<void> {
    await settled();
    this.waiting.shift()![0]({ id, whep: "", control: "", created, joinedBecause: null });
    await settled();
  }

  async fail(): Promise<void> {
    await settled();
    this.waiting.shift()![1](new Error("no answer"));
    await settled();
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("a world is found once the one before has ended", async () => {
  const server = new Server();
  const found = server.finder.find(wish("pond", "w1"));
  await server.answer("w2");
  expect((await found)?.id).toBe("w2");
  expect(server.calls).toEqual(["end w1", "make pond"]);
});

test("a world that is made for an overtaken wish ends before the next is made", async () => {
  const server = new Server();
  const first = server.finder.find(wish("pond"));
  await settled();
  const second = server.finder.find(wish("court"));
  await settled();
  expect(server.calls).toEqual(["make pond"]);
  await server.answer("w2");
  expect(await first).toBeNull();
  await server.answer("w3");
  expect((await second)?.id).toBe("w3");
  expect(server.calls).toEqual(["make pond", "end w2", "make court"]);
});

test("one that was there before does not", async () => {
  const server = new Server();
  const first = server.finder.find(wish("pond"));
  await settled();
  void server.finder.find(wish("court"));
  await server.answer("w2", false);
  expect(await first).toBeNull();
  expect(server.calls).toEqual(["make pond", "make court"]);
});

test("of several wishes only the last is fulfilled, and what was left ends all the same", async () => {
  const server = new Server();
  const first = server.finder.find(wish("pond", "w1"));
  const second = server.finder.find(wish("dunes"));
  const third = server.finder.find(wish("court"));
  await server.answer("w2");
  expect([await first, await second, (await third)?.id]).toEqual([null, null, "w2"]);
  expect(server.calls).toEqual(["end w1", "make court"]);
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
  await server.answer("w2");
  expect((await third)?.id).toBe("w2");
});
