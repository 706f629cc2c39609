/** The control websocket: binary msgpack, one message each way at a time. */
import { decode, encode } from "@msgpack/msgpack";
import type { Role } from "../core/copy";
import { type ClientMessage, type Hello, type ServerMessage, VERSION } from "../protocol";

export interface ControlListener {
  message(message: ServerMessage): void;
  /** The socket is closed, by the server or by the network; not called after `close()`. */
  lost(reason: string): void;
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
      const message = data instanceof ArrayBuffer ? parse(data) : null;
      if (message !== null) listener.message(message);
    };
    this.socket.onclose = ({ reason }) => listener.lost(reason);
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

/** The message, or null for bytes that are not one (noted in the console, otherwise ignored). */
function parse(data: ArrayBuffer): ServerMessage | null {
  try {
    const value = decode(data);
    if (typeof value === "object" && value !== null && "type" in value)
      return value as ServerMessage;
  } catch (error) {
    console.warn("control: not msgpack", error);
    return null;
  }
  console.warn("control: a message without a type");
  return null;
}
