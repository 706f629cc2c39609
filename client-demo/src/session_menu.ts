/** What the menu does: start over, fork, save, record, start from a file; and the page's own. */
import { type Again, again } from "./core/again";
import type { Ask } from "./core/connection";
import type { Status } from "./protocol";
import { Refusal } from "./shell/api";
import {
  download,
  fork,
  logPath,
  record,
  SNAPSHOT_FILE,
  save,
  stopRecording,
  upload,
} from "./shell/keeping";
import { describe } from "./shell/sessions";
import { togglePictureInPicture } from "./shell/tools";
import { MenuView } from "./ui/menu";
import type { PageView } from "./ui/page";

export class SessionMenu {
  private readonly view: MenuView;
  private session: string | null = null;
  private recording = false;
  /** What a session was asked for that this page has made. */
  private made: { readonly session: string; readonly ask: Ask } | null = null;

  /**
   * `start`: go to a new session like this. `own` does what is not about the session: `graphs`
   * shows or hides them and returns whether they are shown.
   */
  constructor(
    private readonly page: PageView,
    private readonly start: (ask: Ask) => void,
    own: { graphs(): boolean; settings(): void },
  ) {
    const act = (what: (session: string) => Promise<void>) => () => {
      if (this.session !== null) void this.attempt(what(this.session));
    };
    this.view = new MenuView(
      {
        restart: (how) => act((session) => this.restart(session, how))(),
        fork: act((session) => this.fork(session)),
        save: act(async (session) => download(await save(session))),
        openFile: (file) => this.openFile(file),
        record: act((session) => this.record(session)),
        saveLog: act(async (session) => download(logPath(session))),
        pictureInPicture: () => void this.float(),
        graphs: () => this.view.showPressed("graphs", own.graphs()),
        settings: () => own.settings(),
      },
      () => page.remark("Link copied"),
    );
    this.show(null, null);
    for (const type of ["enterpictureinpicture", "leavepictureinpicture"])
      page.video.addEventListener(type, () =>
        this.view.showPressed("pip", document.pictureInPictureElement !== null),
      );
  }

  /** This page has made a session by this. */
  makes(session: string, ask: Ask): void {
    this.made = { session, ask };
  }

  show(session: string | null, status: Status | null): void {
    const recording = status?.recording ?? false;
    this.session = session;
    this.view.enable(session !== null);
    if (recording === this.recording) return;
    this.recording = recording;
    this.view.showRecording(recording);
  }

  /** Go on from a saved session. */
  openFile(file: File): void {
    void this.attempt(upload(file).then(this.start));
  }

  private async restart(session: string, how: Again): Promise<void> {
    const made = this.made?.session === session ? this.made.ask : {};
    const ask = again(how, await describe(session), made);
    if (ask === null)
      this.page.remark("This session went on from a saved one: its seed is not known");
    else this.start(ask);
  }

  private async float(): Promise<void> {
    await togglePictureInPicture(this.page.video).catch(() =>
      this.page.remark("The browser does not allow picture in picture here"),
    );
  }

  private async fork(session: string): Promise<void> {
    const { here, shared } = await fork(session);
    this.view.offer("A second session from this moment:", [
      { href: shared, label: here, copy: true },
    ]);
    window.open(here, "_blank", "noopener"); // where the browser holds it back, there is the link
  }

  private async record(session: string): Promise<void> {
    if (!this.recording) return record(session);
    const { video, log } = await stopRecording(session);
    this.view.offer("The recording:", [
      { href: video, label: "Video" },
      { href: log, label: "Action log" },
    ]);
  }

  private async attempt(what: Promise<void>): Promise<void> {
    try {
      await what;
    } catch (error) {
      this.page.remark(error instanceof Refusal ? error.message : "The server does not answer");
    }
  }
}

export const isSnapshot = ({ name }: File): boolean => name.toLowerCase().endsWith(SNAPSHOT_FILE);
