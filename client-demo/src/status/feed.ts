/** Asks the server about once a second how it is. */
import { read, request } from "../shell/api";
import { type Status, StatusSchema } from "./status";

const EVERY_MS = 1000;
const PATIENCE_MS = 5000;

export interface Listener {
  /** An answer. */
  status(status: Status): void;
  /** No answer, or one that refuses; in words. */
  lost(reason: string): void;
}

export class Feed {
  constructor(private readonly listener: Listener) {}

  start(): void {
    void this.ask();
  }

  private async ask(): Promise<void> {
    const began = performance.now();
    try {
      const response = await request("/status.json", { cache: "no-store" }, PATIENCE_MS);
      if (response.ok) this.listener.status(await read(response, StatusSchema));
      else this.listener.lost(`it answers ${response.status}`);
    } catch {
      this.listener.lost("it does not answer");
    }
    setTimeout(() => void this.ask(), Math.max(0, EVERY_MS - (performance.now() - began)));
  }
}
