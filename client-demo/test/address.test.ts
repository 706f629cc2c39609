import { expect, test } from "vitest";
import { readAddress, writeAddress, writeWatch } from "../src/core/address";

test("names a session, a place in the queue, or a world to start", () => {
  expect(readAddress("?session=a%20b")).toEqual({
    ...{ session: "a b", ticket: null, world: null, watch: false },
  });
  expect(readAddress("?ticket=t&x=1").ticket).toBe("t");
  expect(readAddress("?world=pond").world).toBe("pond");
  expect(readAddress("?session=").session).toBeNull();
});

test("holds one of them at a time, and leaves what is not its own", () => {
  expect(writeAddress("?world=pond&x=1", "session", "s/1")).toBe("?x=1&session=s%2F1");
  expect(writeAddress("", "ticket", "t")).toBe("?ticket=t");
});

test("the wish only to watch stays with the session", () => {
  expect(readAddress("?session=a&watch=1")).toMatchObject({ session: "a", watch: true });
  expect(writeAddress("?watch=1", "session", "b")).toBe("?watch=1&session=b");
  expect(writeWatch("?session=a", true)).toBe("?session=a&watch=1");
  expect(writeWatch("?watch=1&session=a", false)).toBe("?session=a");
});
