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

export class ControlSocket {
  private readonly socket: WebSocket;

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
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(encode(message));
  }

  close(): void {
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
