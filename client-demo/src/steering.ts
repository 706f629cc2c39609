/** What the visitor's hands do: keys, gamepads, fingers and mouse, as one input for the world. */
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
import { type PadSnapshot, padButtons } from "./core/input/gamepad";
import {
  boundCodes,
  type Held,
  type HeldEvent,
  heldButtons,
  NOTHING_HELD,
  reduceHeld,
  sameNames,
} from "./core/input/held";
import { bound, boundByVisitor, REWIND } from "./core/settings/bindings";
import { bindingsOf, DEFAULTS, type Settings } from "./core/settings/settings";
import { Pads } from "./pads";
import type { Control, SessionDescription } from "./protocol";
import { listenToKeys } from "./shell/input/keyboard";
import { listenToLook } from "./shell/input/look";
import { listenToTouch } from "./shell/input/touch";
import { ControlsView } from "./ui/controls";
import { PadFocus } from "./ui/pad_focus";
import type { PageView } from "./ui/page";

export interface SteeringListener {
  /** `press` names the key or device, where the input began to hold something. */
  changed(at: number, press: string | null): void;
  /** What runs the session back is held, or let go. */
  rewinds(held: boolean): void;
}

export class Steering {
  readonly pads: Pads;
  /** What the world's controls and REWIND are bound to. */
  controls: readonly Control[] = bound([], {});
  private drives = false;
  private session: SessionDescription | null = null;
  private settings: Settings = DEFAULTS;
  private padControls: readonly Control[] = []; // of a gamepad of unknown layout
  private held: Held = NOTHING_HELD;
  private axes: Axes = AT_REST;
  private sent: Record<string, number> = {};
  private ticking = false;
  private readonly view = new ControlsView();

  constructor(
    private readonly page: PageView,
    private readonly listener: SteeringListener,
  ) {
    this.pads = new Pads(page, new PadFocus(), {
      pad: (index, pad, standard, at) => this.padded(index, pad, standard, at),
    });
    this.listen();
  }

  announce(session: SessionDescription): void {
    this.session = session;
    this.axes = AT_REST;
    this.sent = {}; // nothing yet over this connection: a stick that is still held is news
    this.bind();
    this.page.offerLook(this.looks);
  }

  configure(settings: Settings): void {
    this.settings = settings;
    this.letGo(); // of what may be bound to something else now
    this.bind();
  }

  /** Whether what the hands do counts; the mouse is not taken for nothing. */
  drive(drives: boolean): void {
    this.drives = drives;
    this.view.enable(drives);
  }

  /** The session is gone, or another one comes: the mouse is free again. */
  rest(): void {
    this.drive(false);
    if (document.pointerLockElement !== null) document.exitPointerLock();
  }

  letGo(): void {
    this.hold({ type: "release_all" }, "page", performance.now());
    this.move(AT_REST);
  }

  /** Names of the world's controls held now. */
  get buttons(): string[] {
    return this.heldOf(this.controls).filter((name) => name !== REWIND.name);
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

  private heldOf(controls: readonly Control[]): string[] {
    return heldButtons(this.held, controls);
  }

  private bind(): void {
    const own = bindingsOf(this.settings, this.session?.world ?? "");
    const controls = this.session?.controls ?? [];
    this.controls = bound(controls, own);
    this.padControls = boundByVisitor(controls, own);
    this.view.announce(this.controls.filter(({ name }) => name !== REWIND.name));
    this.view.show(this.held);
  }

  /** `source` names the key or device, `at` is when the hand moved. */
  private hold(event: HeldEvent, source: string, at: number): void {
    const before = this.heldOf(this.controls);
    const held = reduceHeld(this.held, event);
    if (held === this.held) return;
    this.held = held;
    const after = this.heldOf(this.controls);
    const rewinds = after.includes(REWIND.name);
    if (rewinds !== before.includes(REWIND.name)) this.listener.rewinds(rewinds);
    const [was, is] = [before, after].map((all) => all.filter((name) => name !== REWIND.name));
    if (was !== undefined && is !== undefined && !sameNames(was, is)) {
      const pressed = is.some((name) => !was.includes(name));
      this.listener.changed(at, pressed ? source : null);
    }
    this.view.show(held);
  }

  private move(axes: Axes): void {
    this.axes = axes;
    const moved = this.moved;
    if (sameStrengths(moved, this.sent)) return;
    this.sent = moved;
    this.listener.changed(performance.now(), null);
  }

  private padded(index: number, pad: PadSnapshot | null, standard: boolean, at: number): void {
    const controls = standard ? this.controls : this.padControls;
    const names = pad === null ? [] : padButtons(controls, pad);
    this.hold({ type: "pad", pad: index, names }, "gamepad", at);
    const axes = standard ? (this.session?.axes ?? []) : [];
    this.move(padMoved(this.axes, axes, index, pad, this.settings.stick));
  }

  /** Once per animation frame while a pointer's motion is not paid off. */
  private readonly pay = (): void => {
    this.move(tick(this.axes, this.session?.axes ?? [], performance.now() / 1000));
    this.ticking = moving(this.axes);
    if (this.ticking) requestAnimationFrame(this.pay);
  };

  private listen(): void {
    const isBound = (code: string) => !this.page.isCovered && boundCodes(this.controls).has(code);
    listenToKeys(isBound, {
      down: (code, at) => this.hold({ type: "key_down", code }, code, at),
      up: (code, at) => this.hold({ type: "key_up", code }, code, at),
      released: (at) => this.hold({ type: "release_keys" }, "keys", at),
    });
    listenToTouch(document.body, {
      at: (pointer, name, at) => this.hold({ type: "touch", pointer, name }, "touch", at),
    });
    listenToLook(this.page.stage, () => this.drives && this.looks, {
      moved: (right, down) => {
        const share = this.settings.mouse / this.page.stage.clientWidth;
        this.axes = pointerMoved(this.axes, right * share, down * share);
        if (this.ticking) return;
        this.ticking = true;
        requestAnimationFrame(this.pay);
      },
      captured: (captured) => this.page.showCaptured(captured),
    });
    window.addEventListener("blur", () => this.letGo());
    document.addEventListener("visibilitychange", () => document.hidden && this.letGo());
  }
}
