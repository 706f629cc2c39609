/** What to ask for to begin a session over. Pure. */
import type { SessionBody } from "../http";
import type { Ask } from "./connection";

export type Again = "same seed" | "new seed";

/**
 * `session` began with its seed and prompt, and with what only its maker knows: `made`, {} where
 * somebody else made it. Null: what it began with is not known.
 */
export function again(
  how: Again,
  { world, seed, prompt }: Pick<SessionBody, "world" | "seed" | "prompt">,
  made: Ask,
): Ask | null {
  const begun = {
    world,
    ...(prompt ? { prompt } : {}),
    ...(made.image ? { image: made.image } : {}),
  };
  if (how === "new seed") return begun;
  if (made.snapshot !== undefined) return { world, snapshot: made.snapshot };
  return seed === null ? null : { ...begun, seed };
}
