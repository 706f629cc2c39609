/** What is kept of a session, over HTTP: forks, snapshots, recordings and the log. */
import type { Ask } from "../core/connection";
import { type RecordingBody, RecordingBodySchema, SnapshotBodySchema } from "../http";
import { linkTo } from "./address";
import { read, refusal, request, send } from "./api";
import { invitation } from "./invite";
import { found } from "./sessions";

export const SNAPSHOT_FILE = ".lightcone";

/** A file is quick to choose and may be slow to send. */
const UPLOAD_MS = 120_000;

const path = (session: string, what: string) => `/sessions/${encodeURIComponent(session)}/${what}`;

/** A second session: where this browser finds it, and a link for somebody else. */
export interface Fork {
  readonly here: string;
  readonly shared: string;
}

/**
 * A second session from this moment, or a place in the queue for it. Throws Unreachable or
 * Refusal; all here do.
 */
export async function fork(session: string): Promise<Fork> {
  const second = await found(await send("POST", path(session, "fork"), {}));
  if ("session" in second) {
    const { id } = second.session;
    return { here: linkTo("session", id), shared: await invitation(id, "drive") };
  }
  const here = linkTo("ticket", second.place.ticket);
  return { here, shared: here };
}

/** Take a snapshot; its path. */
export async function save(session: string): Promise<string> {
  const { id } = await read(await send("POST", path(session, "snapshot")), SnapshotBodySchema);
  return `/snapshots/${encodeURIComponent(id)}`;
}

/** Hand the server a snapshot; what to ask for to go on from it. */
export async function upload(file: Blob): Promise<Ask> {
  const headers = { "content-type": "application/octet-stream" };
  const response = await request("/snapshots", { method: "POST", headers, body: file }, UPLOAD_MS);
  if (!response.ok) throw await refusal(response);
  const { id, world } = await read(response, SnapshotBodySchema);
  return { snapshot: id, world };
}

export async function record(session: string): Promise<void> {
  await send("POST", path(session, "recording"));
}

export async function stopRecording(session: string): Promise<RecordingBody> {
  const stopped = await send("DELETE", path(session, "recording"));
  return read(stopped, RecordingBodySchema);
}

export const logPath = (session: string): string => path(session, "log");

/** As the visitor's click on a link would; the server names the file. */
export function download(from: string): void {
  const link = document.createElement("a");
  link.href = from;
  link.download = "";
  link.click();
}
