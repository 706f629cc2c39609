/** Fork, save, record and start from a file: what the visitor asks of the server by HTTP. */
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
import { MenuView } from "./ui/menu";
import type { PageView } from "./ui/page";

export class SessionMenu {
  private readonly view: MenuView;
  private session: string | null = null;
  private recording = false;

  /** `start`: go to a new session like this. */
  constructor(
    private readonly page: PageView,
    private readonly start: (ask: Ask) => void,
  ) {
    const act = (what: (session: string) => Promise<void>) => () => {
      if (this.session !== null) void this.attempt(what(this.session));
    };
    this.view = new MenuView(
      {
        fork: act((session) => this.fork(session)),
        save: act(async (session) => download(await save(session))),
        openFile: (file) => this.openFile(file),
        record: act((session) => this.record(session)),
        saveLog: act(async (session) => download(logPath(session))),
      },
      () => page.remark("Link copied"),
    );
    this.show(null, null);
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
