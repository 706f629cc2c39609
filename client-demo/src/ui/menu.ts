/** What can be done with the session, and with the page beside its tools. */
import type { Again } from "../core/again";
import { SNAPSHOT_FILE } from "../shell/keeping";
import { byId } from "./elements";
import { dress } from "./icons";

export interface MenuListener {
  /** Begin this session over. */
  restart(how: Again): void;
  fork(): void;
  save(): void;
  openFile(file: File): void;
  record(): void;
  saveLog(): void;
  pictureInPicture(): void;
  graphs(): void;
  settings(): void;
}

/** A link in the card that shows what came of it. */
export interface Offered {
  readonly href: string;
  readonly label: string;
  readonly copy?: boolean;
}

export class MenuView {
  private readonly menu = byId("menu");
  private readonly opener = byId<HTMLButtonElement>("menu-open");
  private readonly recorder = byId<HTMLButtonElement>("record");
  private readonly file = byId<HTMLInputElement>("snapshot-file");
  private readonly offered = byId("offered");

  constructor(listener: MenuListener, copied: () => void) {
    dress(this.opener, "menu", "Menu");
    this.item("restart", "restart", "Start over, same seed", () => listener.restart("same seed"));
    this.item("reseed", "seed", "Start over, new seed", () => listener.restart("new seed"));
    this.item("fork", "fork", "Fork: a second session from here", () => listener.fork());
    this.item("save", "save", "Save to a file", () => listener.save());
    this.item("open-file", "open", "Start from a file", () => this.file.click());
    this.item("record", "record", "Record", () => listener.record());
    this.item("save-log", "log", "Save the action log", () => listener.saveLog());
    this.item("pip", "pip", "Picture in picture", () => listener.pictureInPicture());
    this.item("graphs", "graphs", "Graphs", () => listener.graphs());
    this.item("settings-open", "settings", "Settings", () => listener.settings());
    byId("pip").hidden = !document.pictureInPictureEnabled;
    this.file.accept = SNAPSHOT_FILE;
    this.file.addEventListener("change", () => {
      const file = this.file.files?.[0];
      if (file !== undefined) listener.openFile(file);
      this.file.value = "";
    });
    dress(byId<HTMLButtonElement>("offered-close"), "close", "Close");
    byId("offered-close").addEventListener("click", () => (this.offered.hidden = true));
    byId<HTMLButtonElement>("offered-copy").addEventListener("click", () => {
      const link = byId("offered-links").querySelector("a");
      if (link === null) return;
      navigator.clipboard.writeText(link.href).then(copied, () => undefined);
    });
  }

  /** There is a session to do something with. */
  enable(live: boolean): void {
    for (const id of ["restart", "reseed", "fork", "save", "record", "save-log"])
      byId<HTMLButtonElement>(id).disabled = !live;
  }

  showRecording(recording: boolean): void {
    dress(this.recorder, "record", "Record", recording ? "Stop recording" : "Record");
    this.recorder.setAttribute("aria-pressed", String(recording));
    byId("recording").hidden = !recording;
  }

  showPressed(id: "pip" | "graphs", pressed: boolean): void {
    byId(id).setAttribute("aria-pressed", String(pressed));
  }

  /** What came of it, until it is closed. */
  offer(text: string, links: readonly Offered[]): void {
    byId("offered-text").textContent = text;
    byId("offered-links").replaceChildren(...links.map(anchor));
    byId("offered-copy").hidden = !links.some(({ copy }) => copy === true);
    this.offered.hidden = false;
  }

  private item(id: string, icon: Parameters<typeof dress>[1], text: string, act: () => void): void {
    const button = byId<HTMLButtonElement>(id);
    dress(button, icon, text, text);
    button.addEventListener("click", () => {
      this.menu.hidePopover?.();
      act();
    });
  }
}

function anchor({ href, label }: Offered): HTMLElement {
  const link = document.createElement("a");
  link.href = href;
  link.textContent = label;
  link.target = "_blank";
  return link;
}
