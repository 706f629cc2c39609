import { expect, test } from "vitest";
import { again } from "../src/core/again";

const SESSION = { world: "court", seed: 7, prompt: "night" };

test("the same seed begins as before, a new one is the server's", () => {
  expect(again("same seed", SESSION, {})).toEqual(SESSION);
  expect(again("new seed", SESSION, {})).toEqual({ world: "court", prompt: "night" });
  expect(again("same seed", { ...SESSION, prompt: "" }, {})).toEqual({ world: "court", seed: 7 });
});

test("the picture that it began with is known to its maker", () => {
  const made = { world: "court", image: "data:" };
  expect(again("same seed", SESSION, made)).toEqual({ ...SESSION, image: "data:" });
});

test("a session from a snapshot begins with it again, where that is known", () => {
  const saved = { ...SESSION, seed: null };
  expect(again("same seed", saved, { snapshot: "x" })).toEqual({ world: "court", snapshot: "x" });
  expect(again("same seed", saved, {})).toBeNull();
});
