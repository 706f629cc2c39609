import { beforeEach, expect, test, vi } from "vitest";
import type { SessionDescription } from "../src/protocol";
import type { PadListener } from "../src/shell/input/gamepads";
import { Steering } from "../src/steering";
import type { PageView } from "../src/ui/page";
import { CONTROLS } from "./controls";

const hands = vi.hoisted(() => ({ pads: null as PadListener | null }));

vi.mock("../src/shell/input/gamepads", () => ({
  listenToGamepads: (listener: PadListener) => {
    hands.pads = listener;
  },
}));
vi.mock("../src/shell/input/keyboard", () => ({ listenToKeys: () => undefined }));
vi.mock("../src/shell/input/touch", () => ({ listenToTouch: () => undefined }));
vi.mock("../src/shell/input/look", () => ({ listenToLook: () => undefined }));
vi.mock("../src/ui/controls", () => ({
  ControlsView: class {
    announce(): void {}
    enable(): void {}
    show(): void {}
  },
}));

const SESSION: SessionDescription = {
  ...{ id: "w1", world: "court", title: "Court", description: "" },
  ...{ width: 128, height: 96, fps: 24, sample_rate: 24000, chunk_frames: [2], history_s: 30 },
  ...{ play_recorded: false, consent: "" },
  controls: [],
  axes: [
    {
      ...{ name: "turn", label: "Turn", low: -3, high: 3, mouse: "x" },
      gamepad: { kind: "axis", index: 2, direction: 1 },
    },
  ],
  ...{ prompt: "none", prompt_length: 500, words: [] },
};

/** A page over which something lies or not, and a gamepad with its first button held or not. */
function withButton() {
  const page = { offerLook: () => undefined, isCovered: false };
  const steering = new Steering(page as unknown as PageView, {
    changed: () => undefined,
    rewinds: () => undefined,
  });
  steering.announce({ ...SESSION, controls: CONTROLS, axes: [] });
  const poll = (pressed: boolean) =>
    hands.pads!.state(
      {
        ...{ index: 0, mapping: "standard", axes: [0, 0, 0, 0] },
        buttons: [{ pressed }],
      } as unknown as Gamepad,
      0,
    );
  return { page, steering, poll };
}

beforeEach(() => {
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("document", Object.assign(new EventTarget(), { body: null }));
});

test("a stick that is held when the session is back is sent to it anew", () => {
  const changed = vi.fn();
  const page = { offerLook: () => undefined, isCovered: false } as unknown as PageView;
  const steering = new Steering(page, { changed, rewinds: vi.fn() });
  const poll = () =>
    hands.pads!.state(
      { index: 0, mapping: "standard", buttons: [], axes: [0, 0, 1, 0] } as unknown as Gamepad,
      0,
    );
  steering.announce(SESSION);
  poll();
  poll();
  expect(changed).toHaveBeenCalledTimes(1);
  steering.announce(SESSION);
  poll();
  expect(changed).toHaveBeenCalledTimes(2);
  expect(steering.moved).toEqual({ turn: 3 });
});

test("a button pressed before a dialog is seen to be gone is the world's", () => {
  const { page, steering, poll } = withButton();
  page.isCovered = true;
  poll(false);
  page.isCovered = false;
  poll(true);
  expect(steering.buttons).toEqual(["jump"]);
});

test("a button pressed in a dialog is not the world's until it is let go", () => {
  const { page, steering, poll } = withButton();
  page.isCovered = true;
  poll(true);
  page.isCovered = false;
  poll(true);
  expect(steering.buttons).toEqual([]);
  poll(false);
  poll(true);
  expect(steering.buttons).toEqual(["jump"]);
});
