/** The worlds to choose from; not there where there is only one. */
import type { CatalogueEntry } from "../http";
import { byId } from "./elements";

export class PickerView {
  private readonly bar = byId("worlds");
  private current: string | null = null;

  constructor(picked: (name: string) => void) {
    this.bar.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest<HTMLElement>("[data-world]") : null;
      const name = button?.dataset["world"];
      if (name === undefined || name === this.current) return;
      this.show(name); // so that the way back is open before one has arrived
      picked(name);
    });
  }

  offer(entries: readonly CatalogueEntry[]): void {
    this.bar.replaceChildren(...entries.map(tab));
    this.bar.hidden = entries.length < 2;
    byId("page").classList.toggle("picks", entries.length > 1);
    this.show(this.current);
  }

  /** Marks the world that one is in, or on the way to. */
  show(name: string | null): void {
    this.current = name;
    for (const button of this.bar.querySelectorAll<HTMLElement>("[data-world]"))
      button.setAttribute("aria-pressed", String(button.dataset["world"] === name));
  }
}

function tab({ name, title, description }: CatalogueEntry): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "world";
  button.dataset["world"] = name;
  button.textContent = title;
  button.title = description;
  return button;
}
