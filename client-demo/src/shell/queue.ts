/** Waiting in the queue: asks for the place about once a second. */
import type { Place, SessionEntry } from "../core/connection";
import { askQueue, endSession, leaveQueue } from "./sessions";

export interface QueueListener {
  place(place: Place): void;
  admitted(session: SessionEntry): void;
  /** The server knows the ticket no more. */
  lapsed(): void;
}

const PAUSE_MS = 1000;

export class QueueWait {
  private timer = 0;
  /** Whether there is still a place to wait for. */
  private waiting = true;

  /** After `leave()` the listener hears nothing more. */
  constructor(
    private readonly ticket: string,
    private readonly listener: QueueListener,
  ) {
    this.later();
  }

  leave(): void {
    clearTimeout(this.timer);
    if (!this.waiting) return;
    this.waiting = false;
    leaveQueue(this.ticket).catch(() => undefined); // it lapses by itself
  }

  private later(): void {
    this.timer = window.setTimeout(() => void this.ask(), PAUSE_MS);
  }

  private async ask(): Promise<void> {
    // No answer, or a refusal: the place is kept for a while, so ask again.
    const found = await askQueue(this.ticket).catch(() => undefined);
    if (!this.waiting) {
      // It was left while the answer was on its way: nobody wants that session.
      if (found && "session" in found) endSession(found.session.id).catch(() => undefined);
      return;
    }
    if (found !== undefined && (found === null || "session" in found)) {
      this.waiting = false;
      if (found === null) this.listener.lapsed();
      else this.listener.admitted(found.session);
      return;
    }
    this.later();
    if (found !== undefined) this.listener.place(found.place);
  }
}
