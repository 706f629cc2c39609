/** What the address of the page asks for: a session, a place in the queue, or a new session. */
export interface Address {
  readonly session: string | null;
  readonly ticket: string | null;
  readonly world: string | null;
}

type Name = keyof Address;
const NAMES: readonly Name[] = ["session", "ticket", "world"];

export function readAddress(search: string): Address {
  const given = new URLSearchParams(search);
  const one = (name: Name) => given.get(name) || null;
  return { session: one("session"), ticket: one("ticket"), world: one("world") };
}

/** `search` with this name alone; what is not ours stays. */
export function writeAddress(search: string, name: Name, value: string): string {
  const params = new URLSearchParams(search);
  for (const each of NAMES) params.delete(each);
  params.set(name, value);
  return `?${params}`;
}
