/** The HTTP interface: finding and making worlds. */
import type { Ask, WorldEntry } from "../core/connection";

/** No answer, or none that can be understood. */
export class Unreachable extends Error {}

/** An answer that says no; the message is the server's own sentence (RFC 9457). */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
    /** What programs look at, where the server says. */
    readonly code: string | null,
  ) {
    super(message);
  }
}

/** A server that accepts connections and answers nothing is away too. */
const PATIENCE_MS = 10_000;

interface WorldBody {
  readonly id: string;
  readonly whep: string;
  readonly control: string;
  readonly phase?: string;
  readonly created?: boolean;
  readonly reason?: string | null;
}

/** A world that the server offers. */
export interface CatalogueEntry {
  readonly name: string;
  readonly title: string;
  readonly description: string;
}

/**
 * The world `id` where it still runs, else one as asked for that the server makes, or another
 * that it offers. Throws Unreachable or Refusal.
 */
export async function locateWorld(id: string | null, ask: Ask): Promise<WorldEntry> {
  return (id === null ? null : await existing(id)) ?? (await made(ask));
}

/** End a world for everybody; one that is gone already is fine. Throws Unreachable. */
export async function endWorld(id: string): Promise<void> {
  await request(`/worlds/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** What the server offers; nothing where it does not say. */
export async function catalogue(): Promise<readonly CatalogueEntry[]> {
  try {
    const response = await request("/catalogue");
    const entries: unknown = response.ok ? await response.json() : [];
    return Array.isArray(entries) ? (entries as CatalogueEntry[]) : [];
  } catch {
    return [];
  }
}

/** `fetch`, with its failures as Unreachable. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, patience]) : patience;
  try {
    return await fetch(path, { ...init, signal });
  } catch (error) {
    throw new Unreachable(String(error));
  }
}

export async function refusal(response: Response): Promise<Refusal> {
  const problem: unknown = await response.json().catch(() => null);
  const { detail, title, code } = (problem ?? {}) as Record<string, unknown>;
  const said = [detail, title].find((each) => typeof each === "string");
  const known = typeof code === "string" ? code : null;
  return new Refusal(String(said ?? `HTTP ${response.status}`), response.status, known);
}

async function existing(id: string): Promise<WorldEntry | null> {
  const response = await request(`/worlds/${encodeURIComponent(id)}`);
  if (response.status === 404) return null;
  const body = await worldBody(response);
  const over = body.phase === "ended" || body.phase === "failed";
  return over ? null : entry(body, false, null);
}

async function made(ask: Ask): Promise<WorldEntry> {
  const headers = { "content-type": "application/json" };
  const body = await worldBody(
    await request("/worlds", { method: "POST", headers, body: JSON.stringify(ask) }),
  );
  const created = body.created !== false;
  const why = body.reason ?? "There is no room for another world.";
  return entry(body, created, created ? null : why);
}

async function worldBody(response: Response): Promise<WorldBody> {
  if (!response.ok) throw await refusal(response);
  const body: unknown = await response.json().catch(() => null);
  if (!isWorldBody(body)) throw new Unreachable("the answer does not describe a world");
  return body;
}

function isWorldBody(body: unknown): body is WorldBody {
  const { id, whep, control } = (body ?? {}) as Record<string, unknown>;
  return [id, whep, control].every((each) => typeof each === "string");
}

function entry(body: WorldBody, created: boolean, joinedBecause: string | null): WorldEntry {
  return { id: body.id, whep: body.whep, control: body.control, created, joinedBecause };
}
