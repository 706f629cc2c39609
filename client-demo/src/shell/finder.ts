/** Finding the world that was wished for last, one wish at a time. */
import type { Ask, Wish, WorldEntry } from "../core/connection";

/** Both may throw. */
export interface WorldSource {
  locate(id: string | null, ask: Ask): Promise<WorldEntry>;
  end(id: string): Promise<void>;
}

/**
 * A wish waits for the one before, even where it overtakes it: a server makes a world whether or
 * not anybody waits for the answer, and one that nobody wants any more would take the room.
 */
export class Finder {
  private newest = 0;
  private before: Promise<unknown> = Promise.resolve();

  constructor(private readonly worlds: WorldSource) {}

  /** The world, null where a later wish has overtaken this one. Throws what the source throws. */
  find(wish: Wish): Promise<WorldEntry | null> {
    const number = (this.newest += 1);
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

  private async fulfil(wish: Wish, overtaken: () => boolean): Promise<WorldEntry | null> {
    // The page has left that world already, whatever was wished since.
    if (wish.leave !== null) await this.worlds.end(wish.leave);
    if (overtaken()) return null;
    const world = await this.worlds.locate(wish.id, wish.ask);
    if (!overtaken()) return world;
    if (world.created) await this.worlds.end(world.id);
    return null;
  }
}
