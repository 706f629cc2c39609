/** The running page: the cores' states, and the wires between them and the world outside. */
import { expose } from "./bench";
import {
  advance,
  backoff,
  type Connection,
  type ConnectionEvent,
  type Effect,
  START,
  type WorldEntry,
} from "./core/connection";
import { gamepadName, roleNews, veil } from "./core/copy";
import { padButtons } from "./core/gamepad";
import {
  boundCodes,
  type Held,
  type HeldEvent,
  heldButtons,
  NOTHING_HELD,
  reduceHeld,
  sameNames,
} from "./core/held";
import { LatencyMeter } from "./core/latency";
import type { PresentedFrame } from "./core/media";
import type { Rates } from "./core/rates";
import { Ring } from "./core/ring";
import type { ServerMessage, Status, WorldDescription } from "./protocol";
import { locateWorld, Refusal } from "./shell/api";
import { listenToGamepads } from "./shell/gamepads";
import { listenToKeys } from "./shell/keyboard";
import { Session } from "./shell/session";
import { listenToTouch } from "./shell/touch";
import { rememberWorld, worldInUrl } from "./shell/url";
import { ControlsView } from "./ui/controls";
import type { PageView } from "./ui/page";

const FRAMES_KEPT = 1000;

export class App {
  private connection: Connection = START;
  private session: Session | null = null;
  private locating = new AbortController();
  private retryTimer = 0;

  private description: WorldDescription | null = null;
  private status: Status | null = null;
  private rates: Rates | null = null;

  private held: Held = NOTHING_HELD;
  private seq = 0;
  private readonly latency = new LatencyMeter();
  private readonly frames = new Ring<PresentedFrame>(FRAMES_KEPT);
  private readonly controls = new ControlsView();

  constructor(private readonly page: PageView) {}

  start(): void {
    this.listen();
    this.expose();
    this.restart();
  }

  /** From anew, as if the page had just been opened. */
  restart(): void {
    this.happened({ type: "start", id: worldInUrl() });
  }

  /** Try at once instead of when the wait is over. */
  retry(): void {
    if (this.connection.phase === "refused") this.restart();
    else this.happened({ type: "retry" });
  }

  get live(): boolean {
    return this.connection.phase === "live";
  }

  private happened(event: ConnectionEvent): void {
    const [next, effects] = advance(this.connection, event);
    this.connection = next;
    for (const effect of effects) this.perform(effect);
    this.page.veil(veil(next, this.status?.phase ?? null));
    this.page.showSound(this.page.video.muted, this.live);
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case "locate":
        clearTimeout(this.retryTimer);
        void this.locate(effect.id);
        break;
      case "open":
        this.open(effect.world);
        break;
      case "close":
        this.close();
        break;
      case "wait":
        this.retryTimer = window.setTimeout(
          () => this.happened({ type: "retry" }),
          backoff(effect.failures, Math.random()),
        );
    }
  }

  private async locate(id: string | null): Promise<void> {
    this.locating.abort();
    const { signal } = (this.locating = new AbortController());
    try {
      const world = await locateWorld(id, signal);
      if (!signal.aborted) this.happened({ type: "located", world });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal)
        this.happened({ type: "failed", problem: "unavailable", detail: error.message });
      else this.happened({ type: "failed", problem: "unreachable" });
    }
  }

  private open(world: WorldEntry): void {
    rememberWorld(world.id);
    this.page.notice(world.joinedBecause);
    this.frames.clear();
    this.session = new Session(world, this.page.video, {
      message: (message) => this.received(message),
      picture: () => this.happened({ type: "picture" }),
      presented: (frame) => this.presented(frame),
      rates: (rates) => this.measured(rates),
      failed: (problem, detail) =>
        this.happened({ type: "failed", problem, ...(detail === undefined ? {} : { detail }) }),
      refused: (detail) => this.happened({ type: "refused", detail }),
    });
  }

  private close(): void {
    this.session?.close();
    this.session = null;
    this.status = null;
    this.rates = null;
    this.latency.interrupt();
    this.page.measurements(this.latency.recentMedian, null);
  }

  private received(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.description = message.world;
        this.page.describe(message.world);
        this.controls.announce(message.world.controls);
        this.controls.show(this.held);
        this.happened({ type: "welcomed" });
        break;
      case "status":
        this.changed(message);
        break;
      case "receipt":
        this.latency.receipt(
          message.seq,
          message.media_time,
          performance.now(),
          this.frames.toArray(),
        );
        break;
      case "error":
        console.warn(`control: ${message.code}: ${message.message}`);
        if (message.fatal) this.fatal(message.code, message.message);
        break;
      case "stall": // counted in the status
      case "pong": // any message proves that the server lives
        break;
    }
  }

  private fatal(code: string, detail: string): void {
    if (code === "unsupported_version") this.happened({ type: "refused", detail });
    else this.happened({ type: "failed", problem: "control_lost", detail });
  }

  private changed(status: Status): void {
    const before = this.status;
    this.status = status;
    this.page.status(status);
    const news = roleNews(before?.role ?? null, status.role);
    if (news !== null) this.page.say(news);
    if (status.role === "driver") {
      this.page.notice(null);
      // What is held already counts from the moment one drives.
      if (before?.role !== "driver") this.sendHeld(performance.now());
    }
    if (status.phase === "ended" || status.phase === "failed")
      this.happened({
        type: "failed",
        problem: "ended",
        ...(status.reason ? { detail: status.reason } : {}),
      });
    else if (status.phase !== before?.phase)
      this.page.veil(veil(this.connection, status.phase));
  }

  private presented(frame: PresentedFrame): void {
    this.frames.push(frame);
    this.latency.presented(frame);
  }

  private measured(rates: Rates): void {
    this.rates = rates;
    this.page.measurements(this.latency.recentMedian, rates);
  }

  private get buttons(): string[] {
    return heldButtons(this.held, this.description?.controls ?? []);
  }

  /** `source` names the key or device, `at` is when the hand moved. */
  private input(event: HeldEvent, source: string, at: number): void {
    const before = this.buttons;
    const held = reduceHeld(this.held, event);
    if (held === this.held) return;
    this.held = held;
    const after = this.buttons;
    if (!sameNames(before, after)) {
      const pressed = after.some((name) => !before.includes(name));
      const seq = this.sendHeld(at);
      if (seq !== null && pressed)
        this.latency.sent({ seq, code: source, pressedAt: at, sentAt: performance.now() });
    }
    this.controls.show(held);
  }

  /** The number of the message, null where one does not drive. */
  private sendHeld(at: number): number | null {
    if (this.session === null || this.status?.role !== "driver") return null;
    this.seq += 1;
    this.session.input(this.seq, at, this.buttons);
    return this.seq;
  }

  private listen(): void {
    const bound = () => boundCodes(this.description?.controls ?? []);
    listenToKeys((code) => bound().has(code), {
      down: (code, at) => this.input({ type: "key_down", code }, code, at),
      up: (code, at) => this.input({ type: "key_up", code }, code, at),
      released: (at) => this.input({ type: "release_keys" }, "keys", at),
    });
    listenToGamepads({
      state: (pad, at) => {
        const names = padButtons(this.description?.controls ?? [], pad);
        this.input({ type: "pad", pad: pad.index, names }, "gamepad", at);
      },
      connected: ({ id }) => {
        this.page.showGamepads(true);
        this.page.say(`${gamepadName(id)} connected`);
      },
      gone: ({ id, index }, left, at) => {
        this.input({ type: "pad", pad: index, names: [] }, "gamepad", at);
        this.page.showGamepads(left > 0);
        this.page.say(`${gamepadName(id)} disconnected`);
      },
    });
    listenToTouch(document.body, {
      at: (pointer, name, at) => this.input({ type: "touch", pointer, name }, "touch", at),
    });
    const letGo = () => this.input({ type: "release_all" }, "page", performance.now());
    window.addEventListener("blur", letGo);
    document.addEventListener("visibilitychange", () => document.hidden && letGo());
    window.addEventListener("pagehide", () => this.session?.close());
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.restart());
    window.addEventListener("online", () => this.retry());
  }

  private expose(): void {
    const app = this;
    expose({
      get phase() {
        return app.connection.phase;
      },
      get role() {
        return app.status?.role ?? null;
      },
      get world() {
        return app.connection.world?.id ?? null;
      },
      get worldPhase() {
        return app.status?.phase ?? null;
      },
      get stalls() {
        return app.status?.stalls ?? null;
      },
      get held() {
        return app.buttons;
      },
      get mediaTime() {
        return app.frames.last?.mediaTime ?? null;
      },
      get frames() {
        return app.frames.toArray();
      },
      get samples() {
        return app.latency.samples;
      },
      get rates() {
        return app.rates;
      },
    });
  }
}
