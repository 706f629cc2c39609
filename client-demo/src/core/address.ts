/** What the address of the page asks for: a session, a place in the queue, or a new session. */
export interface Address {
  readonly session: string | null;
  readonly ticket: string | null;
  readonly world: string | null;
  /** Only to watch, not to drive. */
  readonly watch: boolean;
}

type Name = "session" | "ticket" | "world";
const NAMES: readonly Name[] = ["session", "ticket", "world"];

export function readAddress(search: string): Address {
  const given = new URLSearchParams(search);
  const one = (name: Name) => given.get(name) || null;
  return {
    session: one("session"),
    ticket: one("ticket"),
    world: one("world"),
    watch: given.has("watch"),
  };
}

/** `search` with this name alone; what is not ours stays. */
export function writeAddress(search: string, name: Name, value: string): string {
  const params = new URLSearchParams(search);
  for (const each of NAMES) params.delete(each);
  params.set(name, value);
  return `?${params}`;
}

/** `search` with or without the wish only to watch. */
export function writeWatch(search: string, watch: boolean): string {
  const params = new URLSearchParams(search);
  params.delete("watch");
  if (watch) params.set("watch", "1");
  return `?${params}`;
}
