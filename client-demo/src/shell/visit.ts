/** One visit to one session: websocket and WHEP together, until either is lost. */
import type { Problem, SessionEntry } from "../core/connection";
import type { Role } from "../core/copy";
import { mediaTimeOf, type PresentedFrame } from "../core/stream/media";
import { type Rates, rates, type Totals } from "../core/stream/rates";
import { ailment } from "../core/stream/watchdog";
import type { ClientMessage, ServerMessage, Status } from "../protocol";
import { Refusal, Unreachable } from "./api";
import { ControlSocket } from "./control";
import { type FrameReport, watchFrames } from "./frames";
import { Watch } from "./whep";

export interface VisitListener {
  message(message: ServerMessage): void;
  /** A message that does not fit the protocol; `fault` says where. */
  unfit(fault: string): void;
  /** The control connection was closed, with the server's code and reason where it gave one. */
  closed(code: number, reason: string): void;
  /** The first frame is on the screen. */
  picture(): void;
  presented(frame: PresentedFrame): void;
  /** About once a second, with the rates since the last time. */
  rates(rates: Rates): void;
  failed(problem: Problem, detail?: string): void;
  refused(detail: string): void;
}

const TICK_MS = 1000;
const NOT_ACCEPTABLE = 406;

export class Visit {
  private readonly control: ControlSocket;
  private readonly watch: Watch;
  private readonly stopFrames: () => void;
  private readonly timer: number;
  private readonly openedAt = performance.now();
  private lastMessageAt: number | null = null;
  private status: Status | null = null;
  private shownMediaTime: number | null = null;
  private sawPicture = false;
  private visibleSince: number | null = document.hidden ? null : performance.now();
  private totals: Totals | null = null;
  private closed = false;

  /** `resume`: the token of a seat to take again. The listener hears nothing after `close()`. */
  constructor(
    session: SessionEntry,
    want: Role,
    resume: string | null,
    video: HTMLVideoElement,
    private readonly listener: VisitListener,
  ) {
    this.control = new ControlSocket(session.control, want, resume, {
      message: (message) => this.received(message),
      unfit: (fault) => this.unfit(fault),
      lost: (code, reason) => listener.closed(code, reason),
    });
    this.watch = new Watch(() => this.unlessClosed(() => listener.failed("media_lost")));
    video.srcObject = this.watch.stream;
    this.stopFrames = watchFrames(video, (frame) => this.shown(frame));
    this.timer = window.setInterval(() => void this.tick(), TICK_MS);
    document.addEventListener("visibilitychange", this.visibility);
    this.watch
      .open(session.whep)
      .catch((error: unknown) => this.unlessClosed(() => this.unopened(error)));
  }

  send(message: ClientMessage): void {
    this.control.send(message);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.visibility);
    this.stopFrames();
    this.control.close();
    this.watch.close();
  }

  private unlessClosed(report: () => void): void {
    if (!this.closed) report();
  }

  private unfit(fault: string): void {
    this.lastMessageAt = performance.now(); // the server lives
    this.listener.unfit(fault);
  }

  private received(message: ServerMessage): void {
    this.lastMessageAt = performance.now();
    if (message.type === "status") this.status = message;
    this.listener.message(message);
  }

  private shown({ rtpTimestamp, presentedAt, displayAt }: FrameReport): void {
    const near = this.shownMediaTime ?? this.status?.media_time ?? null;
    if (rtpTimestamp === null) this.shownMediaTime = this.status?.media_time ?? null;
    else if (near !== null) {
      const mediaTime = mediaTimeOf(rtpTimestamp, near);
      this.shownMediaTime = mediaTime;
      this.listener.presented({ rtpTimestamp, mediaTime, presentedAt, displayAt });
    }
    if (this.sawPicture) return;
    this.sawPicture = true;
    this.listener.picture();
  }

  private async tick(): Promise<void> {
    const now = performance.now();
    this.control.send({ type: "ping", t: now });
    const ill = ailment({
      now,
      openedAt: this.openedAt,
      lastMessageAt: this.lastMessageAt,
      visibleSince: this.visibleSince,
      sessionPhase: this.status?.phase ?? null,
      serverMediaTime: this.status?.media_time ?? null,
      shownMediaTime: this.shownMediaTime,
    });
    if (ill !== null) return this.listener.failed(ill);
    const totals = await this.watch.totals();
    if (this.closed) return;
    const fresh = this.totals === null ? null : rates(this.totals, totals);
    this.totals = totals;
    if (fresh !== null) this.listener.rates(fresh);
  }

  private unopened(error: unknown): void {
    if (error instanceof Refusal && error.status === NOT_ACCEPTABLE)
      this.listener.refused(error.message);
    else if (error instanceof Unreachable) this.listener.failed("unreachable");
    else this.listener.failed("media_lost", error instanceof Refusal ? error.message : undefined);
  }

  private readonly visibility = (): void => {
    this.visibleSince = document.hidden ? null : performance.now();
  };
}
