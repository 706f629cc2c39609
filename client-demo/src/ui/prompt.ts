/** The line under the picture: what the world should look like, and what became of it. */
import { completions, type How, type Prompting, promptNews } from "../core/prompting";
import type { SessionDescription } from "../protocol";
import { byId, setHidden, setText } from "./elements";
import { dress } from "./icons";

export interface PromptListener {
  submitted(text: string, how: How): void;
  typed(): void;
  picture(file: File): void;
}

export class PromptView {
  private readonly form = byId<HTMLFormElement>("prompt");
  private readonly text = byId<HTMLInputElement>("prompt-text");
  private readonly how = byId<HTMLSelectElement>("prompt-how");
  private readonly submit = byId<HTMLButtonElement>("prompt-send");
  private readonly list = byId<HTMLDataListElement>("prompt-words");
  private readonly news = byId("prompt-news");
  private readonly length = byId("prompt-length");
  private readonly choose = byId<HTMLButtonElement>("choose");
  private readonly file = byId<HTMLInputElement>("file");
  private kind: SessionDescription["prompt"] = "none";
  private words: readonly string[] = [];
  private images = false;

  constructor(listener: PromptListener) {
    dress(this.choose, "picture", "Start from a picture");
    dress(this.submit, "send", "Send the prompt");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.kind === "none") return;
      listener.submitted(this.text.value.trim(), this.how.value as How);
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
    this.choose.addEventListener("click", () => this.choosePicture());
    this.file.addEventListener("change", () => {
      const file = this.file.files?.[0];
      if (file !== undefined) listener.picture(file);
      this.file.value = "";
    });
  }

  announce({ prompt, prompt_length, words }: SessionDescription): void {
    this.kind = prompt;
    this.words = words;
    this.text.maxLength = prompt_length;
    for (const each of [this.text, this.how, this.submit]) setHidden(each, prompt === "none");
    this.offer();
    this.suggest();
  }

  /** A session of this world can start from a picture. */
  offerImages(possible: boolean): void {
    this.images = possible;
    this.offer();
  }

  choosePicture(): void {
    this.file.click();
  }

  /** `prompt` is what the world was last given; only who drives may give another. */
  show(prompt: string, drives: boolean): void {
    for (const each of [this.text, this.how, this.choose, this.submit]) each.disabled = !drives;
    const example = this.words.slice(0, 3).join(", ");
    const invitation =
      this.kind === "free" ? "Describe what it looks like" : `What it looks like: ${example} …`;
    this.text.placeholder = prompt || (drives ? invitation : "");
  }

  follow(prompting: Prompting): void {
    setText(this.news, promptNews(prompting));
    this.form.classList.toggle("refused", prompting.phase === "refused");
    this.text.setAttribute("aria-invalid", String(prompting.phase === "refused"));
  }

  /** The world has taken `text`; what was typed since stays. */
  taken(text: string): void {
    if (this.text.value.trim() === text) this.clear();
  }

  clear(): void {
    this.text.value = "";
    this.suggest();
  }

  private offer(): void {
    setHidden(this.choose, !this.images);
    setHidden(this.form, this.kind === "none" && !this.images);
  }

  private suggest(): void {
    const { value, maxLength } = this.text;
    setText(this.length, this.kind === "free" && value ? `${value.length} / ${maxLength}` : "");
    const fitting = this.kind === "grammar" ? completions(value, this.words) : [];
    const options = fitting.map((text) => {
      const option = document.createElement("option");
      option.value = text;
      return option;
    });
    this.list.replaceChildren(...options);
  }
}
