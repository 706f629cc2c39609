/** Key-to-photon: from a key event to the first presented frame that its receipt names. Pure. */
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

export interface LatencySample extends Press {
  readonly receiptAt: number;
  /** Seconds of media time from which the receipt says the press is in the picture. */
  readonly mediaTime: number;
  readonly presentedAt: number;
  readonly displayAt: number;
  /** From `pressedAt` to `presentedAt`. */
  readonly keyToPhotonMs: number;
}

interface Receipted extends Press {
  readonly receiptAt: number;
  readonly mediaTime: number;
}

/** RTP timestamps are rounded to 1/90000 s; this is well under half a frame. */
const TOLERANCE_S = 0.002;
const KEEP = 1000;
const PENDING = 64;
const RECENT = 15;

export class LatencyMeter {
  private awaitingReceipt: Press[] = [];
  private awaitingFrame: Receipted[] = [];
  private readonly done = new Ring<LatencySample>(KEEP);

  sent(press: Press): void {
    this.awaitingReceipt = [...this.awaitingReceipt, press].slice(-PENDING);
  }

  /** `shown` are the frames presented so far: a receipt may come after its frame. */
  receipt(
    seq: number,
    mediaTime: number,
    receiptAt: number,
    shown: readonly PresentedFrame[],
  ): void {
    const press = this.awaitingReceipt.find((each) => each.seq === seq);
    this.awaitingReceipt = this.awaitingReceipt.filter((each) => each.seq > seq);
    if (press === undefined) return;
    const receipted = { ...press, receiptAt, mediaTime };
    const frame = shown.find((each) => shows(each, receipted));
    if (frame === undefined) this.awaitingFrame = [...this.awaitingFrame, receipted].slice(-PENDING);
    else this.done.push(sample(receipted, frame));
  }

  presented(frame: PresentedFrame): void {
    if (this.awaitingFrame.length === 0) return;
    for (const each of this.awaitingFrame)
      if (shows(frame, each)) this.done.push(sample(each, frame));
    this.awaitingFrame = this.awaitingFrame.filter((each) => !shows(frame, each));
  }

  /** Forget what is under way: the connection that it belonged to is gone. */
  interrupt(): void {
    this.awaitingReceipt = [];
    this.awaitingFrame = [];
  }

  get samples(): LatencySample[] {
    return this.done.toArray();
  }

  /** Median of the most recent samples in milliseconds, null before the first. */
  get recentMedian(): number | null {
    const recent = this.samples
      .slice(-RECENT)
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

function sample(receipted: Receipted, frame: PresentedFrame): LatencySample {
  const { presentedAt, displayAt } = frame;
  return { ...receipted, presentedAt, displayAt, keyToPhotonMs: presentedAt - receipted.pressedAt };
}
