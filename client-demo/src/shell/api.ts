/** HTTP: requests, failures, refusals and JSON. */
import type { GenericSchema } from "valibot";
import { check } from "../core/check";
import { problemText } from "../core/refusals";

/** No answer, or none that can be understood. */
export class Unreachable extends Error {}

/** The server refused; the message is for the visitor. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
    /** What programs look at (RFC 9457), where the server gives it. */
    readonly code: string | null,
    /** When to come back, seconds; 0 where the server does not say. */
    readonly retryS: number,
  ) {
    super(message);
  }
}

/** A server that accepts connections and answers nothing is away too. */
const PATIENCE_MS = 10_000;
/** A world that nobody has opened yet takes its time. */
export const OPENING_MS = 60_000;

/** `fetch`, with its failures as Unreachable; no answer within `patienceMs` is one. */
export async function request(
  path: string,
  init: RequestInit = {},
  patienceMs = PATIENCE_MS,
): Promise<Response> {
  const patience = AbortSignal.timeout(patienceMs);
  const signal = init.signal ? AbortSignal.any([init.signal, patience]) : patience;
  try {
    return await fetch(path, { ...init, signal });
  } catch (error) {
    throw new Unreachable(String(error));
  }
}

/** The answer to a request with a JSON body, if any. Throws Unreachable or Refusal. */
export async function send(
  method: string,
  path: string,
  body?: unknown,
  patienceMs?: number,
): Promise<Response> {
  const json = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await request(path, { method, ...(body === undefined ? {} : json) }, patienceMs);
  if (!response.ok) throw await refusal(response);
  return response;
}

/** What an answer holds, if it is as the server describes it. Throws Unreachable where not. */
export async function read<T>(response: Response, schema: GenericSchema<unknown, T>): Promise<T> {
  const read = check(schema, await response.json().catch(() => null));
  if (read.fits) return read.value;
  console.warn(`${response.url}: ${read.fault}`);
  throw new Unreachable(`the answer is not what was asked for (${read.fault})`);
}

export async function refusal(response: Response): Promise<Refusal> {
  const problem: unknown = await response.json().catch(() => null);
  const { detail, title, code } = (problem ?? {}) as Record<string, unknown>;
  const reason = [detail, title].find((each) => typeof each === "string") as string | undefined;
  const known = typeof code === "string" ? code : null;
  const { status } = response;
  const retryS = Number(response.headers.get("retry-after")) || 0;
  return new Refusal(problemText(known, status, reason ?? null), status, known, retryS);
}
