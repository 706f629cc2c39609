/** Why the server closed a connection or refused a request, in words. Pure. */
import type { ProblemCode } from "../http";
import { CLOSE_CODES, type CloseCode } from "../protocol";
import type { ConnectionEvent } from "./connection";
import { sentences } from "./sentences";

/** What a closed control connection means for the page. */
export interface Closing {
  readonly text: string;
  readonly outcome:
    | "retry" // the same session again
    | "replace" // that session is over: another one
    | "taken_over"
    | "no_access" // only another link or token helps
    | "unsupported"; // only another page helps
  /** The server's reason says more. */
  readonly more?: true;
}

const CLOSINGS: Readonly<Record<CloseCode, Closing>> = {
  1000: { text: "The connection was closed.", outcome: "retry" },
  1003: { text: "The server could not read what this page sent.", outcome: "unsupported" },
  1009: { text: "This page sent more at once than the server takes.", outcome: "unsupported" },
  1011: { text: "This page did not answer the server in time.", outcome: "retry" },
  1012: { text: "The server goes down. The page comes back with it.", outcome: "retry" },
  4400: { text: "The server did not understand how this page began.", outcome: "unsupported" },
  4401: { text: "Your access is over. Open a new link to come back.", outcome: "no_access" },
  4404: { text: "This session is not there any more.", outcome: "replace" },
  4406: { text: "This page is of another version. Reload it.", outcome: "unsupported" },
  4408: { text: "This page was too slow to introduce itself.", outcome: "retry" },
  4409: { text: "Another tab or window took it.", outcome: "taken_over" },
  4410: { text: "This session has ended.", outcome: "replace", more: true },
  4429: {
    text: "Too many people are in this session, or too much was sent.",
    outcome: "retry",
    more: true,
  },
  4430: { text: "This page could not keep up with the server.", outcome: "retry" },
  4500: { text: "The session can not go on.", outcome: "replace", more: true },
};

const LOST: Closing = { text: "", outcome: "retry" };
/** Reasons that only repeat the code. */
const EMPTY = ["", "ended", "failed"];

/** Codes that are not the server's, such as 1006, are a lost connection: no text. */
export function closing(code: number, reason: string): Closing {
  const known = CLOSE_CODES.find((each) => each === code);
  const closed = known === undefined ? LOST : CLOSINGS[known];
  if (closed.more === undefined || EMPTY.includes(reason)) return closed;
  return { ...closed, text: sentences(closed.text, reason) };
}

/** What it is for the page's connection that the server closed the websocket. */
export function closed(code: number, reason: string): ConnectionEvent {
  const { text, outcome } = closing(code, reason);
  const detail = text === "" ? {} : { detail: text };
  if (outcome === "retry") return { type: "failed", problem: "control_lost", ...detail };
  if (outcome === "replace") return { type: "failed", problem: "ended", ...detail };
  return { type: "refused", obstacle: outcome, ...detail };
}

/** A sentence about each problem. With `more`, the server's own sentence says what is meant. */
const PROBLEMS: Readonly<Record<ProblemCode, readonly [text: string, more?: "more"]>> = {
  "bad-image": ["The picture can not be used.", "more"],
  "bad-offer": ["The server can not connect to this browser.", "more"],
  "bad-snapshot": ["The saved session can not be opened here.", "more"],
  busy: ["Too many people ask the server for something now. Try again in a moment."],
  "engine-unavailable": ["The model is not ready. Try again in a moment."],
  "environment-failed": ["The environment of this world stopped working."],
  forbidden: ["Your link does not allow that.", "more"],
  "forbidden-origin": ["This page is not from this server, so it may not use it."],
  "http-error": ["The server refused the request.", "more"],
  "image-required": ["This world starts from a picture."],
  "incomplete-body": ["The connection broke while something was sent. Try again."],
  "internal-error": ["The server made a mistake. Its log says more."],
  "invalid-request": ["The server does not accept this.", "more"],
  "malformed-json": ["The server could not read the request."],
  "method-not-allowed": ["The server does not do that."],
  "no-common-codec": ["This browser and the server share no way to encode picture and sound."],
  "no-image-taken": ["This world does not start from a picture."],
  "no-key": ["This server has no keys, so it makes no links that carry one."],
  "no-socket": ["The server has no network port left for another viewer. Try again later."],
  "not-found": ["The server does not know that address."],
  "offer-too-large": ["This browser asks for more than the server can answer.", "more"],
  "over-quota": ["You have asked for as much as you may for now.", "more"],
  "session-over": ["That session is over.", "more"],
  "storage-failed": ["The server can not save or read that now."],
  timeout: ["Sending took too long. Try again."],
  "too-far-back": ["The session can not go back that far.", "more"],
  "too-large": ["That is larger than the server takes.", "more"],
  "too-many-viewers": ["This session has as many viewers as it may."],
  unauthorised: ["This server lets in who has a link or a key.", "more"],
  "unknown-recording": ["That recording is not there."],
  "unknown-session": ["That session is not there any more."],
  "unknown-snapshot": ["That saved session is not there any more."],
  "unknown-ticket": ["That place in the queue is gone."],
  "unknown-viewer": ["This viewer is not connected any more."],
  "unknown-words": ["", "more"],
  "unknown-world": ["That world is not served here.", "more"],
  "unsupported-media-type": ["The server does not take files of this kind."],
  "wrong-host": ["The server does not go by the address of this page.", "more"],
};

/** What to show for a problem; `detail` is the server's own sentence about it, if there is one. */
export function problemText(code: string | null, status: number, detail: string | null): string {
  const known = Object.hasOwn(PROBLEMS, code ?? "") ? PROBLEMS[code as ProblemCode] : null;
  if (known === null) return detail ?? `The server refused the request (HTTP ${status}).`;
  const [text, more] = known;
  return more === undefined || detail === null ? text : sentences(text, detail);
}
