/** The world's controls on the screen: shown as they are pressed, and touched on a phone. */
import { keyGlyph, padGlyph, placeOf, touchGlyph, viewGlyph } from "../core/input/glyphs";
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
  const name = `${control.label}: ${control.keys.map(keyGlyph).join(" or ")}`;
  button.setAttribute("aria-label", name);
  if (viewGlyph(control) !== null) button.title = name;
  button.append(
    cap("span", "glyph", viewGlyph(control) ?? touchGlyph(control)),
    cap("span", "label", control.label),
    caps,
  );
  return button;
}

function cap(tag: "kbd" | "span", className: string, text: string, code?: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  element.setAttribute("aria-hidden", "true");
  if (code !== undefined) element.dataset["code"] = code;
  return element;
}
