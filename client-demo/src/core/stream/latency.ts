/**
 * From a key event to the first presented frame that its receipt names: to the callback that
 * reports it ("key to photon"), and to when the browser expects it on the screen ("key to
 * display"). Pure.
 */
import type { Receipt } from "../../protocol";
import type { PresentedFrame } from "./media";
import { Ring } from "./ring";

/** A press that went to the server. Times are milliseconds of `performance.now()`. */
export interface Press {
  readonly seq: number;
  /** Key `code`, "gamepad" or "touch". */
  readonly code: string;
  /** The input event's own timestamp. */
  readonly pressedAt: number;
  /** When the message was handed to the websocket. */
  readonly sentAt: number;
}

/** With its receipt: the press is in the picture from there on. */
interface Receipted extends Press {
  readonly receiptAt: number;
  /** Seconds. */
  readonly mediaTime: number;
  readonly worldFrame: number;
  /** For how long the server had it before the chunk with it was started, and what that took. */
  readonly waitedMs: number;
  readonly stepMs: number;
}

export interface LatencySample extends Receipted {
  readonly presentedAt: number;
  readonly displayAt: number;
  /** From `pressedAt` to `presentedAt`. */
  readonly keyToPhotonMs: number;
  /** From `pressedAt` to `displayAt`. */
  readonly keyToDisplayMs: number;
}

/** RTP timestamps are rounded to 1/90000 s; this is well under half a frame. */
const TOLERANCE_S = 0.002;
const KEEP = 5000;
const RECENT = 15;
/** A press without a receipt for so long is lost. */
const RECEIPT_MS = 5000;

export class LatencyMeter {
  private awaitingReceipt: Press[] = [];
  private awaitingFrame: Receipted[] = [];
  private readonly done = new Ring<LatencySample>(KEEP);
  private readonly gone = new Ring<Press>(KEEP);

  sent(press: Press): void {
    this.awaitingReceipt.push(press);
  }

  /** `shown` are the frames presented so far: a receipt may come after its frame. */
  receipt(receipt: Receipt, receiptAt: number, shown: readonly PresentedFrame[]): void {
    this.expire(receiptAt);
    const press = this.awaitingReceipt.find((each) => each.seq === receipt.seq);
    if (press === undefined) return;
    this.awaitingReceipt = this.awaitingReceipt.filter((each) => each !== press);
    const { media_time: mediaTime, world_frame: worldFrame } = receipt;
    const { waited_ms: waitedMs, step_ms: stepMs } = receipt;
    const receipted = { ...press, receiptAt, mediaTime, worldFrame, waitedMs, stepMs };
    const frame = shown.find((each) => shows(each, receipted));
    if (frame === undefined) this.awaitingFrame.push(receipted);
    else this.done.push(sample(receipted, frame));
  }

  presented(frame: PresentedFrame): void {
    if (this.awaitingFrame.length === 0) return;
    for (const each of this.awaitingFrame)
      if (shows(frame, each)) this.done.push(sample(each, frame));
    this.awaitingFrame = this.awaitingFrame.filter((each) => !shows(frame, each));
  }

  /** What has waited for a receipt for too long is lost. */
  expire(now: number): void {
    const late = ({ sentAt }: Press) => now - sentAt > RECEIPT_MS;
    if (!this.awaitingReceipt.some(late)) return;
    for (const each of this.awaitingReceipt.filter(late)) this.gone.push(each);
    this.awaitingReceipt = this.awaitingReceipt.filter((each) => !late(each));
  }

  /** The connection is gone, and what is under way is lost with it. */
  interrupt(): void {
    for (const { seq, code, pressedAt, sentAt } of [...this.awaitingFrame, ...this.awaitingReceipt])
      this.gone.push({ seq, code, pressedAt, sentAt });
    this.awaitingReceipt = [];
    this.awaitingFrame = [];
  }

  get samples(): LatencySample[] {
    return this.done.toArray();
  }

  /** Presses that had no receipt in time, or whose connection was lost before their frame. */
  get lost(): Press[] {
    return this.gone.toArray();
  }

  /** Median of the most recent samples in milliseconds, null before the first. */
  get recentMedian(): number | null {
    const recent = this.done
      .latest(RECENT)
      .map((each) => each.keyToPhotonMs)
      .sort((a, b) => a - b);
    return recent[Math.floor(recent.length / 2)] ?? null;
  }
}

function shows(frame: PresentedFrame, receipted: Receipted): boolean {
  return (
    frame.mediaTime >= receipted.mediaTime - TOLERANCE_S && frame.presentedAt >= receipted.pressedAt
  );
}

function sample(receipted: Receipted, { presentedAt, displayAt }: PresentedFrame): LatencySample {
  return {
    ...receipted,
    presentedAt,
    displayAt,
    keyToPhotonMs: presentedAt - receipted.pressedAt,
    keyToDisplayMs: displayAt - receipted.pressedAt,
  };
}
