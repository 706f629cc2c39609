/** What the driver sends, and what becomes of it: inputs, prompts, going back. */
import type { Role } from "./core/copy";
import {
  type How,
  NO_PROMPT,
  type PromptEvent,
  type Prompting,
  reducePrompting,
} from "./core/prompting";
import { NOT_REWINDING, type RewindEvent, type Rewinding, reduceRewinding } from "./core/rewinding";
import type { LatencyMeter } from "./core/stream/latency";
import type { PresentedFrame } from "./core/stream/media";
import type {
  ClientMessage,
  Error as ControlError,
  PromptReceipt,
  RewindReceipt,
  SessionDescription,
  Status,
} from "./protocol";
import type { Hand } from "./shell/vibration";
import { Steering } from "./steering";
import type { PageView } from "./ui/page";
import { PromptView } from "./ui/prompt";
import { RewindView } from "./ui/rewind";

export interface DrivingListener {
  send(message: ClientMessage): void;
  /** A picture to start from was chosen. */
  picture(file: File): void;
  /** What the driver has just pressed; null: a key. */
  hand(hand: Hand | null): void;
}

export class Driving {
  readonly steering: Steering;
  readonly prompt: PromptView;
  prompting: Prompting = NO_PROMPT;
  rewinding: Rewinding = NOT_REWINDING;
  private readonly rewind: RewindView;
  private seq = 0;
  private role: Role | null = null;
  private session: SessionDescription | null = null;

  constructor(
    private readonly page: PageView,
    private readonly latency: LatencyMeter,
    private readonly listener: DrivingListener,
  ) {
    this.steering = new Steering(page, {
      changed: (at, press) => this.steered(at, press),
      rewinds: (held) => (held ? this.runBack() : this.goOn()),
    });
    this.prompt = new PromptView({
      submitted: (text, how) => this.sendPrompt(text, how),
      typed: () => this.prompted({ type: "forget" }),
      picture: (file) => listener.picture(file),
    });
    this.rewind = new RewindView({
      hold: () => this.runBack(),
      release: () => this.goOn(),
    });
  }

  announce(session: SessionDescription): void {
    if (session.id !== this.session?.id) this.prompt.clear();
    this.session = session;
    this.steering.announce(session);
    this.prompt.announce(session);
  }

  changed(status: Status): void {
    const before = this.role;
    this.role = status.role;
    const drives = status.role === "driver";
    this.steering.drive(drives);
    this.prompt.show(status.prompt, drives);
    this.rewind.offer(drives && (this.session?.history_s ?? 0) > 0);
    this.rewound({ type: "world_frame", worldFrame: status.world_frame });
    if (!drives) this.rewound({ type: "forget" });
    // What is held already counts from the moment one drives.
    else if (before !== "driver") this.sendInput(performance.now());
  }

  received(message: PromptReceipt | RewindReceipt): void {
    if (message.type === "prompt_receipt") this.prompted({ type: "taken", receipt: message });
    else this.rewound({ type: "receipt", receipt: message });
  }

  refused(error: ControlError): void {
    this.prompted({ type: "refused", refusal: error });
    if (error.code === "rewind_failed") this.page.remark(error.message);
    this.rewound({ type: "refused", refusal: error });
  }

  presented(frame: PresentedFrame): void {
    this.prompted({ type: "presented", frame });
    this.rewound({ type: "presented", frame });
  }

  /** The connection is gone. */
  rest(): void {
    this.role = null;
    this.steering.rest();
    this.prompted({ type: "forget" });
    this.rewound({ type: "forget" });
  }

  private steered(at: number, press: string | null): void {
    if (press !== null) this.listener.hand(press === "gamepad" || press === "touch" ? press : null);
    const seq = this.sendInput(at);
    if (seq !== null && press !== null)
      this.latency.sent({ seq, code: press, pressedAt: at, sentAt: performance.now() });
  }

  /** The number of the next message, null where one does not drive. */
  private next(): number | null {
    if (this.role !== "driver") return null;
    this.seq += 1;
    return this.seq;
  }

  private sendInput(t: number): number | null {
    const seq = this.next();
    const { buttons, moved: axes } = this.steering;
    if (seq !== null) this.listener.send({ type: "input", seq, t, buttons, axes });
    return seq;
  }

  private sendPrompt(text: string, how: How): void {
    const seq = this.next();
    if (seq === null) return;
    const t = performance.now();
    this.prompted({ type: "sent", seq, text, at: t });
    this.listener.send({ type: "prompt", seq, t, text, how });
  }

  private runBack(): void {
    if (this.rewinding.phase === "back") return;
    const seq = this.next();
    if (seq === null) return;
    this.rewound({ type: "hold", seq });
    this.listener.send({ type: "rewind", seq, t: performance.now(), action: "start" });
  }

  private goOn(): void {
    if (this.rewinding.phase !== "back") return;
    const seq = this.next();
    if (seq === null) return;
    this.rewound({ type: "release", seq });
    this.listener.send({ type: "rewind", seq, t: performance.now(), action: "stop" });
  }

  private prompted(event: PromptEvent): void {
    const next = reducePrompting(this.prompting, event);
    if (next === this.prompting) return;
    this.prompting = next;
    this.prompt.follow(next);
    if (event.type === "taken") this.prompt.taken(next.text);
  }

  private rewound(event: RewindEvent): void {
    const next = reduceRewinding(this.rewinding, event);
    if (next === this.rewinding) return;
    this.rewinding = next;
    this.rewind.show(next, this.session?.fps ?? 1);
  }
}
