/** The line under the picture: what the world should look like, and what became of it. */
import { completions, type How, type Prompting, promptNews } from "../core/prompting";
import { byId, setText } from "./elements";
import { dress } from "./icons";

export interface PromptListener {
  said(text: string, how: How): void;
  typed(): void;
  picture(file: File): void;
}

export class PromptView {
  private readonly form = byId<HTMLFormElement>("prompt");
  private readonly text = byId<HTMLInputElement>("prompt-text");
  private readonly how = byId<HTMLSelectElement>("prompt-how");
  private readonly list = byId<HTMLDataListElement>("prompt-words");
  private readonly news = byId("prompt-news");
  private readonly choose = byId<HTMLButtonElement>("choose");
  private readonly file = byId<HTMLInputElement>("file");
  private words: readonly string[] = [];

  constructor(listener: PromptListener) {
    dress(this.choose, "picture", "Start from a picture");
    dress(byId<HTMLButtonElement>("prompt-send"), "send", "Say it");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      listener.said(this.text.value.trim(), this.how.value as How);
      this.text.blur(); // the keys belong to the world again
    });
    this.text.addEventListener("input", () => {
      this.suggest();
      listener.typed();
    });
    this.text.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.text.blur();
    });
    this.how.addEventListener("change", () => this.how.blur());
    this.choose.addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => {
      const file = this.file.files?.[0];
      if (file !== undefined) listener.picture(file);
      this.file.value = "";
    });
  }

  announce(words: readonly string[]): void {
    this.words = words;
    this.form.hidden = words.length === 0;
    this.suggest();
  }

  /** `prompt` is what the world was told last; only who drives may say something else. */
  show(prompt: string, drives: boolean): void {
    for (const each of [this.text, this.how, this.choose, byId<HTMLButtonElement>("prompt-send")])
      each.disabled = !drives;
    const example = this.words.slice(0, 3).join(", ");
    this.text.placeholder = prompt || (drives ? `Say what it looks like: ${example} …` : "");
  }

  tell(prompting: Prompting): void {
    setText(this.news, promptNews(prompting));
    this.form.classList.toggle("refused", prompting.phase === "refused");
    this.text.setAttribute("aria-invalid", String(prompting.phase === "refused"));
  }

  /** The world has taken `said`; what was typed since stays. */
  taken(said: string): void {
    if (this.text.value.trim() === said) this.clear();
  }

  clear(): void {
    this.text.value = "";
    this.suggest();
  }

  private suggest(): void {
    const options = completions(this.text.value, this.words).map((text) => {
      const option = document.createElement("option");
      option.value = text;
      return option;
    });
    this.list.replaceChildren(...options);
  }
}
