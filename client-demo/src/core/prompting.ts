/** From a prompt to the frames that show it. Pure; moments are milliseconds of one clock. */
import type { PromptReceipt, Error as Refusal } from "../protocol";
import type { PresentedFrame } from "./stream/media";

export type How = "cut" | "blend" | "recache";

export interface Prompting {
  readonly phase: "idle" | "sent" | "taken" | "refused";
  /** Number and words of the prompt that is followed: the newest. */
  readonly seq: number | null;
  readonly text: string;
  readonly sentAt: number;
  readonly receipt: PromptReceipt | null;
  /** From the moment it was sent until a frame showed it, and showed it fully. */
  readonly seenMs: number | null;
  readonly fullMs: number | null;
  readonly refusal: Refusal | null;
}

export type PromptEvent =
  | {
      readonly type: "sent";
      readonly seq: number;
      readonly text: string;
      readonly at: number;
    }
  | { readonly type: "taken"; readonly receipt: PromptReceipt }
  | { readonly type: "refused"; readonly refusal: Refusal }
  | { readonly type: "presented"; readonly frame: PresentedFrame }
  | { readonly type: "forget" };

export const NO_PROMPT: Prompting = {
  phase: "idle",
  seq: null,
  text: "",
  sentAt: 0,
  receipt: null,
  seenMs: null,
  fullMs: null,
  refusal: null,
};

/** Error codes that answer a prompt, whichever it was. */
const REFUSALS: readonly Refusal["code"][] = [
  ...(["unknown_words", "prompt_failed", "too_many_prompts"] as const),
];
const TOLERANCE_S = 0.002;
const WORDS_NAMED = 40;

/** The next state; the same object where nothing changed. */
export function reducePrompting(now: Prompting, event: PromptEvent): Prompting {
  switch (event.type) {
    case "sent":
      return { ...NO_PROMPT, phase: "sent", seq: event.seq, text: event.text, sentAt: event.at };
    case "taken":
      if (now.phase !== "sent" || event.receipt.seq !== now.seq) return now;
      return { ...now, phase: "taken", receipt: event.receipt };
    case "refused":
      if (now.phase !== "sent" || !concerns(event.refusal, now)) return now;
      return { ...now, phase: "refused", refusal: event.refusal };
    case "forget":
      return now.phase === "idle" ? now : NO_PROMPT;
    case "presented":
      return presented(now, event.frame);
  }
}

/** Without a number, only the code shows that it is about a prompt: the newest, then. */
function concerns(refusal: Refusal, { seq }: Prompting): boolean {
  return refusal.seq == null ? REFUSALS.includes(refusal.code) : refusal.seq === seq;
}

function presented(now: Prompting, frame: PresentedFrame): Prompting {
  const { receipt } = now;
  if (receipt === null || now.fullMs !== null) return now;
  const after = frame.presentedAt - now.sentAt;
  const shows = (mediaTime: number) => frame.mediaTime >= mediaTime - TOLERANCE_S;
  if (!shows(receipt.media_time)) return now;
  const fullMs = shows(receipt.full_media_time) ? after : null;
  if (now.seenMs !== null && fullMs === null) return now;
  return { ...now, seenMs: now.seenMs ?? after, fullMs };
}

/** What became of it, in words; "" for nothing. */
export function promptNews(now: Prompting): string {
  if (now.refusal !== null) return refusalText(now.refusal);
  if (now.phase === "idle") return "";
  if (now.seenMs === null) return "On its way to the picture";
  const seen = `In the picture after ${duration(now.seenMs)}`;
  if (now.receipt !== null && now.receipt.full_stream_frame === now.receipt.stream_frame)
    return seen;
  if (now.fullMs === null) return `${seen}, changing`;
  return `${seen}, fully after ${duration(now.fullMs)}`;
}

function refusalText({ code, message, words = [], known = [] }: Refusal): string {
  if (code !== "unknown_words" || words.length === 0) return message;
  const unknown = words.map((word) => `“${word}”`).join(", ");
  const some = known.slice(0, WORDS_NAMED).join(", ");
  const end = known.length > WORDS_NAMED ? ", …" : ".";
  return `This world has no word for ${unknown}. It knows ${some}${end}`;
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Whole texts that complete the word being typed, for a list of suggestions. */
export function completions(text: string, words: readonly string[]): string[] {
  const start = text.search(/[^\s,]*$/);
  const [before, begun] = [text.slice(0, start), text.slice(start).toLowerCase()];
  const used = new Set(before.toLowerCase().split(/[\s,]+/));
  return words
    .filter((word) => word.startsWith(begun) && word !== begun && !used.has(word))
    .map((word) => before + word);
}
