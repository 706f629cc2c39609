import type { Control } from "../src/protocol";

const button = (index: number) => ({ kind: "button", index, direction: 0 }) as const;
const axis = (index: number, direction: -1 | 1) => ({ kind: "axis", index, direction }) as const;

/** Controls as a world announces them. */
export const CONTROLS: Control[] = [
  {
    name: "left",
    label: "Left",
    keys: ["ArrowLeft", "KeyA"],
    gamepad: [button(14), axis(0, -1)],
  },
  {
    name: "right",
    label: "Right",
    keys: ["ArrowRight", "KeyD"],
    gamepad: [button(15), axis(0, 1)],
  },
  { name: "jump", label: "Jump", keys: ["ArrowUp", "KeyW"], gamepad: [button(0)] },
  { name: "shoot", label: "Shoot", keys: ["Space"], gamepad: [button(2)] },
];
