import { expect, test } from "vitest";
import {
  completions,
  NO_PROMPT,
  type PromptEvent,
  type Prompting,
  promptNews,
  reducePrompting,
} from "../src/core/prompting";
import type { PromptReceipt, Error as Refusal } from "../src/protocol";

const after = (...events: PromptEvent[]): Prompting => events.reduce(reducePrompting, NO_PROMPT);
const SENT: PromptEvent = { type: "sent", seq: 1, text: "night", at: 1000 };
const NEXT: PromptEvent = { type: "sent", seq: 3, text: "day", at: 2000 };
const receipt = (frame: number, full: number, seq: number): PromptReceipt => ({
  ...{ type: "prompt_receipt", seq, t: 0, text: "night" },
  ...{ world_frame: frame + 7, stream_frame: frame, media_time: frame / 24 },
  ...{ full_world_frame: full + 7, full_stream_frame: full, full_media_time: full / 24 },
});
const taken = (frame: number, full: number, seq = 1): PromptEvent => ({
  type: "taken",
  receipt: receipt(frame, full, seq),
});
const presented = (frame: number, presentedAt: number): PromptEvent => ({
  type: "presented",
  frame: { rtpTimestamp: 0, mediaTime: frame / 24, presentedAt, displayAt: presentedAt },
});
const refusal = (fields: Partial<Refusal>): Refusal => ({
  ...{ type: "error", code: "unknown_words", message: "no" },
  ...fields,
});

test("a prompt is followed to the first frame that shows it", () => {
  expect(promptNews(after(SENT))).toBe("On its way to the picture");
  expect(promptNews(after(SENT, taken(10, 10), presented(9, 1050)))).toMatch(/^On its way/);
  const seen = after(SENT, taken(10, 10), presented(9, 1050), presented(11, 1083));
  expect(promptNews(seen)).toBe("In the picture after 83 ms");
  expect(reducePrompting(seen, presented(12, 1200))).toBe(seen);
});

test("and where it comes little by little, to the one that shows it fully", () => {
  const changing = after(SENT, taken(10, 32), presented(10, 1090));
  expect(promptNews(changing)).toBe("In the picture after 90 ms, changing");
  expect(reducePrompting(changing, presented(31, 1980))).toBe(changing);
  const done = reducePrompting(changing, presented(32, 2012));
  expect(promptNews(done)).toBe("In the picture after 90 ms, fully after 1.0 s");
});

test("unknown words are named, with those that are known", () => {
  const words = { words: ["moon", "sun"], known: ["day", "night"] };
  const refused = after(SENT, { type: "refused", refusal: refusal(words) });
  expect(refused.phase).toBe("refused");
  expect(promptNews(refused)).toBe(
    "This world has no word for “moon”, “sun”. It knows day, night.",
  );
  expect(promptNews(reducePrompting(refused, { type: "forget" }))).toBe("");
});

test("other refusals speak for themselves", () => {
  const error = refusal({ code: "prompt_failed", message: "the model is out of memory" });
  expect(promptNews(after(SENT, { type: "refused", refusal: error }))).toBe(error.message);
});

test("a prompt that is too long is refused in the server's words", () => {
  const error = refusal({ message: "the prompt has 900 characters (at most 500)" });
  expect(promptNews(after(SENT, { type: "refused", refusal: error }))).toBe(error.message);
});

const refused = (fields: Partial<Refusal>): PromptEvent => ({
  type: "refused",
  refusal: refusal(fields),
});

test("of two prompts in a row the newer is followed, whatever becomes of the older", () => {
  const both = after(SENT, NEXT);
  expect(reducePrompting(both, taken(10, 10, 1))).toBe(both);
  expect(reducePrompting(both, refused({ seq: 1 }))).toBe(both);
  const done = reducePrompting(both, taken(40, 40, 3));
  expect(done).toMatchObject({ phase: "taken", seq: 3, text: "day" });
  expect(promptNews(reducePrompting(done, presented(40, 2090)))).toBe("In the picture after 90 ms");
  expect(reducePrompting(both, refused({ seq: 3 })).phase).toBe("refused");
});

test("an error with the prompt's number is about it, whatever its code", () => {
  const error = { code: "not_driver", message: "you watch" } as const;
  expect(promptNews(after(SENT, refused({ ...error, seq: 1 })))).toBe(error.message);
  expect(after(SENT, refused({ ...error, seq: 2 })).phase).toBe("sent");
});

test("one without a number is about the newest prompt, where its code is", () => {
  expect(after(SENT, NEXT, refused({}))).toMatchObject({ phase: "refused", seq: 3 });
  expect(after(SENT, refused({ code: "unknown_button" })).phase).toBe("sent");
});

test("what comes out of turn changes nothing", () => {
  for (const event of [taken(1, 1), presented(1, 5), { type: "forget" } as const])
    expect(reducePrompting(NO_PROMPT, event)).toBe(NO_PROMPT);
});

test("suggestions complete the word being typed", () => {
  const words = ["night", "noon", "red", "rain"];
  expect(completions("", words)).toEqual(words);
  expect(completions("n", words)).toEqual(["night", "noon"]);
  expect(completions("night, R", words)).toEqual(["night, red", "night, rain"]);
  expect(completions("night n", words)).toEqual(["night noon"]);
  expect(completions("red", words)).toEqual([]);
});
