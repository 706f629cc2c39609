/** Gamepads: for the world, for the page's own controls, or for a binding that is being chosen. */
import { gamepadName } from "./core/copy";
import type { PadSnapshot } from "./core/input/gamepad";
import { padMoves } from "./core/input/pad_menu";
import { pressedInput } from "./core/settings/bindings";
import type { PadBinding } from "./core/settings/settings";
import { listenToGamepads } from "./shell/input/gamepads";
import type { PadFocus } from "./ui/pad_focus";
import type { PageView } from "./ui/page";

export interface PadsListener {
  /** What a gamepad holds for the world; null: nothing. `standard`: its layout is the W3C one. */
  pad(index: number, pad: PadSnapshot | null, standard: boolean, at: number): void;
}

const STANDARD = "standard";

export class Pads {
  private readonly last = new Map<number, PadSnapshot>();
  /** Pressed for the page, and not let go since: not for the world. */
  private readonly spent = new Set<number>();
  private chosen: ((input: PadBinding) => void) | null = null;

  constructor(
    private readonly page: PageView,
    private readonly focus: PadFocus,
    private readonly listener: PadsListener,
  ) {
    listenToGamepads({
      state: (pad, at) => this.state(pad, at),
      connected: ({ id, mapping }) => {
        page.showGamepads(true);
        const name = gamepadName(id);
        page.remark(
          mapping === STANDARD
            ? `${name} connected`
            : `${name} connected; its layout is not known: choose its buttons in the settings`,
        );
      },
      gone: ({ id, index }, left, at) => {
        this.last.delete(index);
        this.spent.delete(index);
        this.listener.pad(index, null, true, at);
        page.showGamepads(left > 0);
        if (left === 0) this.focus.leave();
        page.remark(`${gamepadName(id)} disconnected`);
      },
    });
  }

  /** The next input that is pressed goes here and nowhere else; null: no more. */
  choose(chosen: ((input: PadBinding) => void) | null): void {
    this.chosen = chosen;
  }

  private state(pad: Gamepad, at: number): void {
    const { index } = pad;
    const standard = pad.mapping === STANDARD;
    const before = this.last.get(index) ?? null;
    const now = snapshot(pad);
    this.last.set(index, now);
    const forPage = this.forPage(before, now, standard);
    if (isAtRest(now)) this.spent.delete(index);
    else if (forPage) this.spent.add(index);
    const forWorld = !forPage && !this.spent.has(index);
    this.listener.pad(index, forWorld ? now : null, standard, at);
  }

  /** Whether the page has taken what is pressed. */
  private forPage(before: PadSnapshot | null, now: PadSnapshot, standard: boolean): boolean {
    if (this.chosen !== null) {
      const input = before === null ? null : pressedInput(before, now);
      if (input !== null) this.chosen(input);
      return true;
    }
    const active = this.focus.active;
    if (standard) for (const move of padMoves(before, now)) this.focus.take(move);
    return active || this.focus.active || this.page.isCovered;
  }
}

/** `Gamepad` objects may change while they are kept. */
function snapshot({ buttons, axes }: Gamepad): PadSnapshot {
  return { buttons: buttons.map(({ pressed }) => ({ pressed })), axes: [...axes] };
}

const isAtRest = ({ buttons }: PadSnapshot): boolean => !buttons.some(({ pressed }) => pressed);
