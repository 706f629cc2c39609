/** The control websocket: binary msgpack, one message each way at a time. */
import { decode, encode } from "@msgpack/msgpack";
import { type Check, check } from "../core/check";
import type { Role } from "../core/copy";
import {
  type ClientMessage,
  type Hello,
  type ServerMessage,
  ServerMessageSchema,
  VERSION,
} from "../protocol";

export interface ControlListener {
  message(message: ServerMessage): void;
  /** What came is no message of the protocol; `fault` says why not. */
  unfit(fault: string): void;
  /** The socket is closed, by the server or by the network; not called after `close()`. */
  lost(code: number, reason: string): void;
}

/**
 * A message is followed by small ones after so many milliseconds, unless another message does it.
 * TCP notices a lost packet by those that arrive behind it (RFC 8985), within a round trip; nothing
 * comes behind a single key press, and its loss is noticed by a timer of 200 ms and more.
 */
const FOLLOWED_MS = [15, 40];

export class ControlSocket {
  private readonly socket: WebSocket;
  private following: number[] = [];

  /** `resume`: the token of a seat to take again. */
  constructor(path: string, want: Role, resume: string | null, listener: ControlListener) {
    const url = new URL(path, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    const hello: Hello = { type: "hello", version: VERSION, want, resume };
    this.socket.onopen = () => this.send(hello);
    this.socket.onmessage = ({ data }) => {
      const read = parse(data);
      if (read.fits) listener.message(read.value);
      else listener.unfit(read.fault);
    };
    this.socket.onclose = ({ code, reason }) => listener.lost(code, reason);
  }

  /** Nothing is sent before the socket is open or after it closed: what is held then is void. */
  send(message: ClientMessage): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(encode(message));
    this.following.forEach(clearTimeout);
    this.following = message.type === "input" ? FOLLOWED_MS.map((ms) => this.follow(ms)) : [];
  }

  private follow(ms: number): number {
    return window.setTimeout(() => {
      if (this.socket.readyState !== WebSocket.OPEN) return;
      this.socket.send(encode({ type: "ping", t: performance.now() }));
    }, ms);
  }

  close(): void {
    this.following.forEach(clearTimeout);
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close();
  }
}

function parse(data: unknown): Check<ServerMessage> {
  if (!(data instanceof ArrayBuffer)) return { fits: false, fault: "text instead of msgpack" };
  try {
    return check(ServerMessageSchema, decode(data));
  } catch {
    return { fits: false, fault: "not msgpack" };
  }
}
