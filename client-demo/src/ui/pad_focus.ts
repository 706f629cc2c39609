/** A gamepad on the page's own controls: it moves the focus and presses what has it. */
import type { PadMove } from "../core/input/pad_menu";
import { byId } from "./elements";

const CONTROLS = 'button, a[href], input:not([type="file"]), select';

export class PadFocus {
  /** Whether gamepads are the page's now, and not the world's. */
  active = false;

  take(move: PadMove): void {
    if (move === "menu") return this.active ? this.leave() : this.enter();
    if (!this.active) return;
    switch (move) {
      case "previous":
        return this.go(-1);
      case "next":
        return this.go(1);
      case "less":
        return this.change(-1);
      case "more":
        return this.change(1);
      case "press":
        return focused()?.click();
      case "back":
        return this.back();
    }
  }

  leave(): void {
    if (!this.active) return;
    this.active = false;
    document.body.classList.remove("pad-focus");
    while (closeTopmost());
    focused()?.blur();
  }

  private enter(): void {
    this.active = true;
    document.body.classList.add("pad-focus");
    byId("menu-open").focus();
  }

  /** Close what lies over the page, or go back to the world. */
  private back(): void {
    if (!closeTopmost()) this.leave();
  }

  private go(by: 1 | -1): void {
    const all = [...scope().querySelectorAll<HTMLElement>(CONTROLS)].filter(isUsable);
    const now = all.indexOf(focused() ?? document.body);
    const next = now < 0 ? 0 : (now + by + all.length) % all.length;
    all[next]?.focus();
  }

  /** Another value of what has the focus; where it has none, on to its neighbour. */
  private change(by: 1 | -1): void {
    const element = focused();
    if (element instanceof HTMLInputElement && element.type === "range") {
      if (by < 0) element.stepDown();
      else element.stepUp();
    } else if (element instanceof HTMLSelectElement) {
      const index = element.selectedIndex + by;
      element.selectedIndex = Math.min(element.length - 1, Math.max(0, index));
    } else return this.go(by);
    for (const type of ["input", "change"]) element.dispatchEvent(new Event(type));
  }
}

/** What lies over everything else, or the page. */
function scope(): Element {
  return topmost() ?? document.body;
}

function topmost(): HTMLElement | null {
  return document.querySelector<HTMLElement>("dialog[open], [popover]:popover-open");
}

function closeTopmost(): boolean {
  const top = topmost();
  if (top instanceof HTMLDialogElement) top.close();
  else top?.hidePopover();
  return top !== null;
}

function focused(): HTMLElement | null {
  const element = document.activeElement;
  return element instanceof HTMLElement && element !== document.body ? element : null;
}

function isUsable(element: HTMLElement): boolean {
  const disabled = element.matches(":disabled, [aria-disabled='true']");
  return !disabled && element.checkVisibility({ visibilityProperty: true });
}
