/** Finding, making and queueing for sessions over HTTP. */
import type { Ask, Place, SessionEntry, Wish } from "../core/connection";
import { object, refusal, request, send, Unreachable } from "./api";

/** A session, or a place in the queue for one. */
export type Found = { readonly session: SessionEntry } | { readonly place: Place };

/** A world that the server offers. */
export interface CatalogueEntry {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly width: number;
  readonly height: number;
  /** Whether a session starts from a picture. */
  readonly image: "none" | "optional" | "required";
}

const ACCEPTED = 202;

/**
 * The session `id` where it still runs, else what the ticket has come to, else a new session or
 * a place in the queue. Throws Unreachable or Refusal.
 */
export async function locate({ id, ticket, ask }: Omit<Wish, "leave">): Promise<Found> {
  const session = id === null ? null : await existing(id);
  if (session !== null) return { session };
  return (ticket === null ? null : await askQueue(ticket)) ?? (await make(ask));
}

/** The session or the place that a ticket has come to; null where the server knows it no more. */
export async function askQueue(ticket: string): Promise<Found | null> {
  const response = await request(`/queue/${encodeURIComponent(ticket)}`);
  return response.status === 404 || response.status === 410 ? null : found(response);
}

/** Give up a place; one that is gone already is fine. Throws Unreachable. */
export async function leaveQueue(ticket: string): Promise<void> {
  await request(`/queue/${encodeURIComponent(ticket)}`, { method: "DELETE" });
}

/** End a session for everybody; one that is gone already is fine. Throws Unreachable. */
export async function endSession(id: string): Promise<void> {
  await request(`/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** What a 201 or 202 answer holds. Throws Unreachable or Refusal. */
export async function found(response: Response): Promise<Found> {
  if (!response.ok) throw await refusal(response);
  const body = await object(response);
  if (response.status !== ACCEPTED) return { session: entry(body, body["created"] !== false) };
  const { ticket, place, running } = body;
  if (typeof ticket !== "string" || typeof place !== "number")
    throw new Unreachable("the answer does not describe a place in the queue");
  return {
    place: {
      ticket,
      place,
      running: (Array.isArray(running) ? running : []).map((each) => entry(each, false)),
    },
  };
}

/** What the server offers; nothing where it gives no catalogue. */
export async function catalogue(): Promise<readonly CatalogueEntry[]> {
  try {
    const response = await request("/catalogue");
    const entries: unknown = response.ok ? await response.json() : [];
    return Array.isArray(entries) ? (entries as CatalogueEntry[]) : [];
  } catch {
    return [];
  }
}

async function existing(id: string): Promise<SessionEntry | null> {
  const response = await request(`/sessions/${encodeURIComponent(id)}`);
  if (response.status === 404) return null;
  if (!response.ok) throw await refusal(response);
  const body = await object(response);
  const over = body["phase"] === "ended" || body["phase"] === "failed";
  return over ? null : entry(body, false);
}

async function make(ask: Ask): Promise<Found> {
  return found(await send("POST", "/sessions", ask));
}

function entry(body: Readonly<Record<string, unknown>>, created: boolean): SessionEntry {
  const { id, whep, control, title } = body;
  if (typeof id !== "string" || typeof whep !== "string" || typeof control !== "string")
    throw new Unreachable("the answer does not describe a session");
  return { id, whep, control, created, title: typeof title === "string" ? title : "a session" };
}
