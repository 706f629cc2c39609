/** The sessions on the page, a card for each. */
import { setHidden, setText } from "../ui/elements";
import { duration, number } from "./format";
import type { SessionStatus } from "./status";

const PHASES: Readonly<Record<SessionStatus["phase"], string>> = {
  starting: "waits for a viewer",
  running: "running",
  paused: "paused",
  restoring: "restoring",
  ended: "ended",
  failed: "failed",
};

const LEVELS: Readonly<Record<SessionStatus["level"], string>> = {
  full: "",
  fewer_steps: "fewer steps",
  lower_rate: "lower rate",
  overloaded: "overloaded",
};

export class Cards {
  private readonly cards = new Map<string, Card>();

  constructor(private readonly place: HTMLElement) {}

  /** `megabits`: what each is sent now, by id. */
  show(sessions: readonly SessionStatus[], megabits: ReadonlyMap<string, number | null>): void {
    const present = new Set(sessions.map(({ id }) => id));
    for (const [id, card] of this.cards) {
      if (present.has(id)) continue;
      card.element.remove();
      this.cards.delete(id);
    }
    for (const session of sessions) {
      let card = this.cards.get(session.id);
      if (card === undefined) {
        card = new Card(session.id);
        this.cards.set(session.id, card);
        this.place.append(card.element);
      }
      card.show(session, megabits.get(session.id) ?? null);
    }
  }
}

class Card {
  readonly element = document.createElement("li");
  private readonly title = made("strong", "title");
  private readonly phase = made("span", "phase");
  private readonly level = made("span", "level");
  private readonly bar = made("span", "bar");
  private readonly chunk = made("p", "chunk");
  private readonly facts = new Facts(["Viewers", "World time", "Misses", "Mb/s"]);

  constructor(id: string) {
    this.element.className = "session";
    this.element.dataset["session"] = id;
    const link = document.createElement("a");
    link.href = `/?session=${encodeURIComponent(id)}`;
    link.title = `Watch session ${id}`;
    const head = made("span", "head");
    head.append(this.title, this.phase, this.level);
    const meter = made("span", "meter");
    meter.setAttribute("aria-hidden", "true");
    meter.append(this.bar);
    link.append(head, meter, this.chunk, this.facts.element);
    this.element.append(link);
  }

  show(session: SessionStatus, megabits: number | null): void {
    const { chunk_ms, deadline_ms, phase, level } = session;
    const share = phase === "running" ? chunk_ms / deadline_ms : 0;
    this.element.dataset["phase"] = phase;
    this.element.dataset["level"] = share > 1 ? "overloaded" : level;
    setText(this.title, session.title);
    setText(this.phase, session.driver ? `${PHASES[phase]}, driven` : PHASES[phase]);
    setText(this.level, LEVELS[level]);
    setHidden(this.level, level === "full");
    this.bar.style.width = `${Math.min(100, 100 * share)}%`;
    setText(
      this.chunk,
      chunk_ms === 0
        ? `no chunk yet, ${number(deadline_ms)} ms each`
        : `${number(chunk_ms, 1)} of ${number(deadline_ms)} ms a chunk`,
    );
    this.facts.show([
      number(session.viewers),
      duration(session.world_time),
      number(session.deadline_misses),
      number(megabits, 2),
    ]);
  }
}

/** Names and their values. */
class Facts {
  readonly element = document.createElement("dl");
  private readonly values: readonly HTMLElement[];

  constructor(names: readonly string[]) {
    this.element.className = "facts";
    this.values = names.map((name) => {
      const [pair, term, value] = ["div", "dt", "dd"].map((tag) => document.createElement(tag)) as [
        HTMLElement,
        HTMLElement,
        HTMLElement,
      ];
      term.textContent = name;
      pair.append(term, value);
      this.element.append(pair);
      return value;
    });
  }

  show(texts: readonly string[]): void {
    for (const [i, value] of this.values.entries()) setText(value, texts[i] ?? "");
  }
}

function made(tag: "p" | "span" | "strong", className: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}
