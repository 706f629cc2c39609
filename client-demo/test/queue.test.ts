import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SessionEntry } from "../src/core/connection";
import { QueueWait } from "../src/shell/queue";

const session: SessionEntry = { id: "a1", title: "", whep: "", control: "", created: true };
const place = { ticket: "t1", place: 2, running: [] };

const server = vi.hoisted(() => ({
  askQueue: vi.fn(),
  leaveQueue: vi.fn(async () => undefined),
  endSession: vi.fn(async () => undefined),
}));
vi.mock("../src/shell/sessions", () => server);

const listener = { place: vi.fn(), admitted: vi.fn(), lapsed: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
  vi.resetAllMocks();
  server.leaveQueue.mockResolvedValue(undefined);
  server.endSession.mockResolvedValue(undefined);
});
afterEach(() => vi.useRealTimers());

test("the place is asked for each second until the session comes", async () => {
  server.askQueue.mockResolvedValueOnce({ place }).mockResolvedValueOnce({ session });
  const wait = new QueueWait("t1", listener);
  await vi.advanceTimersByTimeAsync(1000);
  expect(listener.place).toHaveBeenCalledExactlyOnceWith(place);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(listener.admitted).toHaveBeenCalledExactlyOnceWith(session);
  expect(server.askQueue).toHaveBeenCalledTimes(2);
  wait.leave();
  expect(server.leaveQueue).not.toHaveBeenCalled();
});

test("a server that is away is asked again", async () => {
  server.askQueue.mockRejectedValueOnce(new Error("away")).mockResolvedValueOnce({ place });
  new QueueWait("t1", listener);
  await vi.advanceTimersByTimeAsync(2000);
  expect(listener.place).toHaveBeenCalledTimes(1);
});

test("a ticket that is no more has lapsed", async () => {
  server.askQueue.mockResolvedValueOnce(null);
  new QueueWait("t1", listener);
  await vi.advanceTimersByTimeAsync(5000);
  expect(listener.lapsed).toHaveBeenCalledTimes(1);
  expect(server.askQueue).toHaveBeenCalledTimes(1);
});

test("a session that comes after it was left is ended", async () => {
  let answer: (found: unknown) => void = () => undefined;
  server.askQueue.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
  const wait = new QueueWait("t1", listener);
  await vi.advanceTimersByTimeAsync(1000);
  wait.leave();
  expect(server.leaveQueue).toHaveBeenCalledExactlyOnceWith("t1");
  answer({ session });
  await vi.advanceTimersByTimeAsync(5000);
  expect(server.endSession).toHaveBeenCalledExactlyOnceWith("a1");
  expect(listener.admitted).not.toHaveBeenCalled();
  expect(server.askQueue).toHaveBeenCalledTimes(1);
});
