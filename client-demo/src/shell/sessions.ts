/** Finding, making and queueing for sessions over HTTP. */
import { array } from "valibot";
import type { Ask, Place, SessionEntry, Wish } from "../core/connection";
import {
  type CatalogueEntry,
  CatalogueEntrySchema,
  QueuedSchema,
  type SessionBody,
  SessionBodySchema,
} from "../http";
import { OPENING_MS, read, refusal, request, send } from "./api";

/** A session, or a place in the queue for one. */
export type Found = { readonly session: SessionEntry } | { readonly place: Place };

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
  const response = await request(`/queue/${encodeURIComponent(ticket)}`, {}, OPENING_MS);
  return response.status === 404 || response.status === 410 ? null : found(response);
}

/** Give up a place; one that is gone already is fine. Throws Unreachable. */
export async function leaveQueue(ticket: string): Promise<void> {
  await request(`/queue/${encodeURIComponent(ticket)}`, { method: "DELETE" });
}

/** End a session for everybody; one that is gone already is fine. Throws Unreachable. */
export async function endSession(id: string): Promise<void> {
  await request(path(id), { method: "DELETE" });
}

/** What a 201 or 202 answer holds. Throws Unreachable or Refusal. */
export async function found(response: Response): Promise<Found> {
  if (!response.ok) throw await refusal(response);
  if (response.status !== ACCEPTED) return { session: entry(await body(response), true) };
  const { ticket, place, running } = await read(response, QueuedSchema);
  return { place: { ticket, place, running: running.map((each) => entry(each, false)) } };
}

/** What the server offers; nothing where it gives no catalogue. */
export async function catalogue(): Promise<readonly CatalogueEntry[]> {
  try {
    return await read(await send("GET", "/catalogue"), array(CatalogueEntrySchema));
  } catch {
    return [];
  }
}

/** A session as it is now. Throws Unreachable or Refusal. */
export async function describe(id: string): Promise<SessionBody> {
  return body(await send("GET", path(id)));
}

async function existing(id: string): Promise<SessionEntry | null> {
  const response = await request(path(id));
  if (response.status === 404) return null;
  if (!response.ok) throw await refusal(response);
  const session = await body(response);
  return isOver(session) ? null : entry(session, false);
}

async function make(ask: Ask): Promise<Found> {
  return found(await send("POST", "/sessions", ask, OPENING_MS));
}

const path = (id: string): string => `/sessions/${encodeURIComponent(id)}`;

const body = (response: Response): Promise<SessionBody> => read(response, SessionBodySchema);

const isOver = ({ phase }: SessionBody): boolean => phase === "ended" || phase === "failed";

const entry = ({ id, title, whep, control }: SessionBody, created: boolean): SessionEntry => ({
  ...{ id, title, whep, control, created },
});
