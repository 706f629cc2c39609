/** The dialog of what is kept in this browser: bindings and sensitivity. */
import { keyGlyph, padGlyph } from "../core/input/glyphs";
import type { Settings } from "../core/settings/settings";
import type { Control } from "../protocol";
import { byId, setText } from "./elements";
import { dress } from "./icons";

export type Device = "keys" | "gamepad";

export interface SettingsListener {
  /** The next key or gamepad input is to be bound to this control. */
  choose(control: string, device: Device): void;
  /** No longer. */
  cancel(): void;
  key(code: string): void;
  reset(): void;
  vibration(on: boolean): void;
  sensitivity(of: "mouse" | "stick", share: number): void;
}

const CHOOSING: Readonly<Record<Device, string>> = {
  keys: "Press a key",
  gamepad: "Press a button",
};

export class SettingsView {
  private readonly dialog = byId<HTMLDialogElement>("settings");
  private readonly table = byId("bindings");
  private readonly news = byId("settings-news");
  private readonly sliders = {
    mouse: byId<HTMLInputElement>("mouse"),
    stick: byId<HTMLInputElement>("stick"),
  };
  private readonly vibration = byId<HTMLInputElement>("vibration");
  private choosing: HTMLButtonElement | null = null;

  constructor(private readonly listener: SettingsListener) {
    const close = byId<HTMLButtonElement>("settings-close");
    dress(close, "close", "Close");
    close.addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.rest());
    // A click beside the dialog is one on its backdrop.
    this.dialog.addEventListener("click", ({ target }) => {
      if (target === this.dialog) this.dialog.close();
    });
    // While a key is chosen, every key is one.
    this.dialog.addEventListener("keydown", (event) => {
      if (this.choosing?.dataset["device"] !== "keys") return;
      event.preventDefault();
      if (event.code === "Escape") this.rest();
      else listener.key(event.code);
    });
    byId("bindings-reset").addEventListener("click", () => listener.reset());
    this.vibration.addEventListener("change", () => listener.vibration(this.vibration.checked));
    for (const of of ["mouse", "stick"] as const)
      this.sliders[of].addEventListener("input", () =>
        listener.sensitivity(of, 2 ** Number(this.sliders[of].value)),
      );
  }

  open(): void {
    this.dialog.showModal();
  }

  /** `world`: its title, whose `controls` are bound as they are now; `axes`: it has some. */
  show(world: string, controls: readonly Control[], axes: boolean, settings: Settings): void {
    setText(byId("settings-world"), world);
    this.choosing = null;
    const { of = "", device = "" } = (document.activeElement as HTMLElement | null)?.dataset ?? {};
    this.table.replaceChildren(...controls.map((control) => this.row(control)));
    const same = `[data-of="${CSS.escape(of)}"][data-device="${device}"]`;
    if (of !== "") this.table.querySelector<HTMLElement>(same)?.focus();
    byId("sensitivity").hidden = !axes;
    this.vibration.checked = settings.vibration;
    for (const of of ["mouse", "stick"] as const) {
      const share = settings[of];
      const text = `${share.toFixed(2)} ×`;
      this.sliders[of].value = String(Math.log2(share));
      this.sliders[of].setAttribute("aria-valuetext", text);
      setText(byId(`${of}-value`), text);
    }
  }

  /** What became of a choice. */
  say(text: string): void {
    setText(this.news, text);
  }

  /** Nothing is being chosen any more. */
  private rest(): void {
    this.choosing?.classList.remove("choosing");
    this.choosing = null;
    this.say("");
    this.listener.cancel();
  }

  private row(control: Control): HTMLElement {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = control.label;
    const keys = control.keys.map(keyGlyph);
    const inputs = control.gamepad.map(padGlyph);
    row.append(name, this.cell(control, "keys", keys), this.cell(control, "gamepad", inputs));
    return row;
  }

  private cell(control: Control, device: Device, glyphs: readonly string[]): HTMLElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "binding";
    button.dataset["device"] = device;
    button.dataset["of"] = control.name;
    const what = device === "keys" ? "key" : "gamepad button";
    const bound = glyphs.length === 0 ? "none" : glyphs.join(" or ");
    const label = `${control.label}, ${what}: ${bound}`;
    button.setAttribute("aria-label", label);
    button.append(...(glyphs.length === 0 ? ["–"] : glyphs.map(chip)));
    button.addEventListener("click", () => {
      this.rest();
      this.choosing = button;
      button.classList.add("choosing");
      button.replaceChildren(CHOOSING[device]);
      this.say(`${CHOOSING[device]} for ${control.label}. Escape leaves it as it is.`);
      this.listener.choose(control.name, device);
    });
    const cell = document.createElement("td");
    cell.append(button);
    return cell;
  }
}

function chip(text: string): HTMLElement {
  const key = document.createElement("kbd");
  key.className = "key";
  key.textContent = text;
  return key;
}
