/** What the visitor's hands do: keys, gamepads, fingers and mouse, as one input for the world. */

import { gamepadName } from "./core/copy";
import {
  AT_REST,
  type Axes,
  mouseAxis,
  moving,
  padMoved,
  pointerMoved,
  sameStrengths,
  strengths,
  tick,
} from "./core/input/axes";
import { padButtons } from "./core/input/gamepad";
import {
  boundCodes,
  type Held,
  type HeldEvent,
  heldButtons,
  NOTHING_HELD,
  reduceHeld,
  sameNames,
} from "./core/input/held";
import type { SessionDescription } from "./protocol";
import { listenToGamepads } from "./shell/input/gamepads";
import { listenToKeys } from "./shell/input/keyboard";
import { listenToLook } from "./shell/input/look";
import { listenToTouch } from "./shell/input/touch";
import { ControlsView } from "./ui/controls";
import type { PageView } from "./ui/page";

/** `press` names the key or device, where the input began to hold something. */
export type Changed = (at: number, press: string | null) => void;

export class Steering {
  /** Whether what the hands do counts; the mouse is not taken for nothing. */
  drives = false;
  private session: SessionDescription | null = null;
  private held: Held = NOTHING_HELD;
  private axes: Axes = AT_REST;
  private sent: Record<string, number> = {};
  private ticking = false;
  private readonly controls = new ControlsView();

  constructor(
    private readonly page: PageView,
    private readonly changed: Changed,
  ) {
    this.listen();
  }

  announce(session: SessionDescription): void {
    this.session = session;
    this.axes = AT_REST;
    this.sent = {}; // nothing yet over this connection: a stick that is still held is news
    this.controls.announce(session.controls);
    this.controls.show(this.held);
    this.page.offerLook(this.looks);
  }

  /** The session is gone, or another one comes: the mouse is free again. */
  rest(): void {
    this.drives = false;
    if (document.pointerLockElement !== null) document.exitPointerLock();
  }

  /** Names of the controls held now. */
  get buttons(): string[] {
    return heldButtons(this.held, this.session?.controls ?? []);
  }

  /** Strengths of the axes that are moved now. */
  get moved(): Record<string, number> {
    return strengths(this.axes, this.session?.axes ?? []);
  }

  /** Whether the mouse moves something. */
  private get looks(): boolean {
    const axes = this.session?.axes ?? [];
    return mouseAxis(axes, "x") !== null || mouseAxis(axes, "y") !== null;
  }

  /** `source` names the key or device, `at` is when the hand moved. */
  private hold(event: HeldEvent, source: string, at: number): void {
    const before = this.buttons;
    const held = reduceHeld(this.held, event);
    if (held === this.held) return;
    this.held = held;
    const after = this.buttons;
    if (!sameNames(before, after)) {
      const pressed = after.some((name) => !before.includes(name));
      this.changed(at, pressed ? source : null);
    }
    this.controls.show(held);
  }

  private move(axes: Axes): void {
    this.axes = axes;
    const moved = this.moved;
    if (sameStrengths(moved, this.sent)) return;
    this.sent = moved;
    this.changed(performance.now(), null);
  }

  /** Once per animation frame while a pointer's motion is not paid off. */
  private readonly pay = (): void => {
    this.move(tick(this.axes, this.session?.axes ?? [], performance.now() / 1000));
    this.ticking = moving(this.axes);
    if (this.ticking) requestAnimationFrame(this.pay);
  };

  private listen(): void {
    const controls = () => this.session?.controls ?? [];
    const bound = () => boundCodes(controls());
    listenToKeys((code) => bound().has(code), {
      down: (code, at) => this.hold({ type: "key_down", code }, code, at),
      up: (code, at) => this.hold({ type: "key_up", code }, code, at),
      released: (at) => this.hold({ type: "release_keys" }, "keys", at),
    });
    listenToGamepads({
      state: (pad, at) => {
        const names = padButtons(controls(), pad);
        this.hold({ type: "pad", pad: pad.index, names }, "gamepad", at);
        this.move(padMoved(this.axes, this.session?.axes ?? [], pad.index, pad));
      },
      connected: ({ id }) => {
        this.page.showGamepads(true);
        this.page.remark(`${gamepadName(id)} connected`);
      },
      gone: ({ id, index }, left, at) => {
        this.hold({ type: "pad", pad: index, names: [] }, "gamepad", at);
        this.move(padMoved(this.axes, [], index, null));
        this.page.showGamepads(left > 0);
        this.page.remark(`${gamepadName(id)} disconnected`);
      },
    });
    listenToTouch(document.body, {
      at: (pointer, name, at) => this.hold({ type: "touch", pointer, name }, "touch", at),
    });
    listenToLook(this.page.stage, () => this.drives && this.looks, {
      moved: (right, down) => {
        const width = this.page.stage.clientWidth;
        this.axes = pointerMoved(this.axes, right / width, down / width);
        if (this.ticking) return;
        this.ticking = true;
        requestAnimationFrame(this.pay);
      },
      captured: (captured) => this.page.showCaptured(captured),
    });
    const letGo = () => {
      this.hold({ type: "release_all" }, "page", performance.now());
      this.move(AT_REST);
    };
    window.addEventListener("blur", letGo);
    document.addEventListener("visibilitychange", () => document.hidden && letGo());
  }
}
