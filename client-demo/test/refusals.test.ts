import { expect, test } from "vitest";
import { closed, closing, problemText } from "../src/core/refusals";
import { PROBLEM_CODES } from "../src/http";
import { CLOSE_CODES } from "../src/protocol";

test("every close code of the server has a sentence", () => {
  for (const code of CLOSE_CODES) expect(closing(code, "").text).toMatch(/^[A-Z].*\.$/);
});

test("every problem of the server has a sentence", () => {
  for (const code of PROBLEM_CODES)
    expect(problemText(code, 400, "something is so")).toMatch(/^[A-Z].*\.$/);
});

test("the server's sentence is added where it says more", () => {
  expect(problemText("over-quota", 429, "come back in 30 s")).toBe(
    "You have asked for as much as you may for now. Come back in 30 s.",
  );
  expect(problemText("busy", 503, "64 wait already")).not.toContain("64");
  expect(closing(4410, "nobody was here for 300 s").text).toContain("Nobody was here for 300 s.");
  expect(closing(4410, "ended").text).toBe("This session has ended.");
});

test("problems of a newer server are shown in its own words", () => {
  expect(problemText("too-hot", 400, "it is too hot")).toBe("it is too hot");
  expect(problemText(null, 502, null)).toBe("The server refused the request (HTTP 502).");
  expect(problemText("constructor", 400, null)).toBe("The server refused the request (HTTP 400).");
});

test("what a closed connection means", () => {
  expect(closed(1006, "")).toEqual({ type: "failed", problem: "control_lost" });
  expect(closed(1012, "")).toMatchObject({ type: "failed", problem: "control_lost" });
  expect(closed(4404, "")).toMatchObject({ type: "failed", problem: "ended" });
  expect(closed(4409, "")).toMatchObject({ type: "refused", obstacle: "taken_over" });
  expect(closed(4401, "")).toMatchObject({ type: "refused", obstacle: "no_access" });
  expect(closed(4406, "")).toMatchObject({ type: "refused", obstacle: "unsupported" });
});
