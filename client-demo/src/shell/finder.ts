/** Finding the session that was wished for last, one wish at a time. */
import type { Wish } from "../core/connection";
import type { Found } from "./sessions";

/** All may throw. */
export interface SessionSource {
  locate(wish: Omit<Wish, "leave">): Promise<Found>;
  end(id: string): Promise<void>;
  leaveQueue(ticket: string): Promise<void>;
}

/**
 * A wish waits for the one before, even where it overtakes it: a server makes a session whether
 * or not anybody waits for the answer, and one that nobody wants any more would take the room.
 */
export class Finder {
  private newest = 0;
  private before: Promise<unknown> = Promise.resolve();

  constructor(private readonly sessions: SessionSource) {}

  /** Null where a later wish has overtaken this one. Throws what the source throws. */
  find(wish: Wish): Promise<Found | null> {
    this.newest += 1;
    const number = this.newest;
    const overtaken = () => number !== this.newest;
    const found = this.before.then(async () => {
      try {
        return await this.fulfil(wish, overtaken);
      } catch (error) {
        if (overtaken()) return null;
        throw error;
      }
    });
    this.before = found.catch(() => undefined);
    return found;
  }

  private async fulfil(wish: Wish, overtaken: () => boolean): Promise<Found | null> {
    // The page has left that session already, whatever was wished since.
    if (wish.leave !== null) await this.sessions.end(wish.leave);
    if (overtaken()) return null;
    const found = await this.sessions.locate(wish);
    if (!overtaken()) return found;
    if ("place" in found) await this.sessions.leaveQueue(found.place.ticket);
    else if (found.session.created) await this.sessions.end(found.session.id);
    return null;
  }
}
