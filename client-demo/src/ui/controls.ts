/** The world's controls on the screen: shown as they are pressed, and touched on a phone. */
import { keyGlyph, keyName, padGlyph, placeOf, touchGlyph, viewGlyph } from "../core/input/glyphs";
import { type Held, heldButtons } from "../core/input/held";
import type { Control } from "../protocol";
import { byId } from "./elements";

export class ControlsView {
  private readonly places = {
    left: byId("thumb-left"),
    right: byId("thumb-right"),
    view: byId("view"),
  };
  private buttons: readonly HTMLElement[] = [];
  private controls: readonly Control[] = [];
  private enabled = false;

  announce(controls: readonly Control[]): void {
    if (JSON.stringify(controls) === JSON.stringify(this.controls)) return;
    this.controls = controls;
    this.buttons = controls.map(controlButton);
    for (const place of ["left", "right", "view"] as const) {
      const here = this.buttons.filter((_, i) => {
        const control = controls[i];
        return control !== undefined && placeOf(control, controls) === place;
      });
      this.places[place].replaceChildren(...here);
      this.places[place].dataset["count"] = String(here.length);
    }
    this.enable(this.enabled);
  }

  /** Whether pressing them steers. */
  enable(enabled: boolean): void {
    this.enabled = enabled;
    for (const button of this.buttons) button.setAttribute("aria-disabled", String(!enabled));
  }

  show(held: Held): void {
    const names = new Set(heldButtons(held, this.controls));
    for (const button of this.buttons) {
      const pressed = names.has(button.dataset["control"] ?? "");
      button.setAttribute("aria-pressed", String(pressed));
      for (const key of button.querySelectorAll<HTMLElement>("[data-code]"))
        key.classList.toggle("down", held.keys.has(key.dataset["code"] ?? ""));
    }
  }
}

function controlButton(control: Control): HTMLElement {
  const keys = control.keys.map((code) => cap("kbd", "key", keyGlyph(code), code));
  const pad = control.gamepad
    .slice(0, 1)
    .map((input) => cap("span", "key pad-key", padGlyph(input)));
  const caps = document.createElement("span");
  caps.className = "keys";
  caps.append(...keys, ...pad);

  const button = document.createElement("button");
  button.type = "button";
  button.className = viewGlyph(control) === null ? "control" : "control of-view";
  button.dataset["control"] = control.name;
  const arrow = control.keys.find((code) => code.startsWith("Arrow"));
  if (arrow !== undefined) button.dataset["arrow"] = arrow;
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-keyshortcuts", control.keys.map(keyName).join(" "));
  if (viewGlyph(control) !== null) button.title = control.label;
  const label = document.createElement("span");
  label.className = "label";
  label.textContent = control.label;
  button.append(cap("span", "glyph", viewGlyph(control) ?? touchGlyph(control)), label, caps);
  return button;
}

/** What is seen and not read out. */
function cap(tag: "kbd" | "span", className: string, text: string, code?: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  element.setAttribute("aria-hidden", "true");
  if (code !== undefined) element.dataset["code"] = code;
  return element;
}
