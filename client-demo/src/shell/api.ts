/** HTTP: requests, failures, refusals and JSON. */

/** No answer, or none that can be understood. */
export class Unreachable extends Error {}

/** The server refused; the message is its own sentence (RFC 9457). */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
    /** What programs look at, where the server gives it. */
    readonly code: string | null,
  ) {
    super(message);
  }
}

/** A server that accepts connections and answers nothing is away too. */
const PATIENCE_MS = 10_000;

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
export async function send(method: string, path: string, body?: unknown): Promise<Response> {
  const json = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await request(path, { method, ...(body === undefined ? {} : json) });
  if (!response.ok) throw await refusal(response);
  return response;
}

/** The JSON object of an answer. Throws Unreachable where it holds none. */
export async function object(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const value: unknown = await response.json().catch(() => null);
  if (typeof value !== "object" || value === null)
    throw new Unreachable("the answer is not what was asked for");
  return value as Record<string, unknown>;
}

export async function refusal(response: Response): Promise<Refusal> {
  const problem: unknown = await response.json().catch(() => null);
  const { detail, title, code } = (problem ?? {}) as Record<string, unknown>;
  const reason = [detail, title].find((each) => typeof each === "string");
  const known = typeof code === "string" ? code : null;
  return new Refusal(String(reason ?? `HTTP ${response.status}`), response.status, known);
}
