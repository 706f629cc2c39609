import { decode } from "@msgpack/msgpack";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClientMessage } from "../src/protocol";
import { ControlSocket } from "../src/shell/control";

const sent: string[] = [];

class Socket {
  static readonly OPEN = 1;
  readyState = 1;
  onopen = () => undefined;
  send(data: Uint8Array): void {
    sent.push((decode(data) as ClientMessage).type);
  }
  close(): void {
    this.readyState = 3;
  }
}

const input: ClientMessage = { type: "input", seq: 1, t: 0, buttons: [], axes: {} };
const open = () =>
  new ControlSocket("/control", "driver", null, {
    message: () => undefined,
    unfit: () => undefined,
    lost: () => undefined,
  });

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("window", { location: { href: "http://a/" }, setTimeout, clearTimeout });
  sent.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("an input is followed, so that its loss is noticed at once", () => {
  open().send(input);
  expect(sent).toEqual(["input"]);
  vi.advanceTimersByTime(100);
  expect(sent).toEqual(["input", "ping", "ping"]);
});

test("inputs follow each other", () => {
  const socket = open();
  for (let i = 0; i < 10; i++) {
    socket.send(input);
    vi.advanceTimersByTime(10);
  }
  expect(sent).toEqual(Array(10).fill("input"));
});

test("nothing follows what is no input, or after the end", () => {
  const socket = open();
  socket.send({ type: "prompt", seq: 1, t: 0, text: "night" });
  vi.advanceTimersByTime(100);
  socket.send(input);
  socket.close();
  vi.advanceTimersByTime(100);
  expect(sent).toEqual(["prompt", "input"]);
});
