/** The running page: the cores' states, and the wires between them and the world outside. */
import { expose } from "./bench";
import {
  advance,
  type Ask,
  backoff,
  type Connection,
  type ConnectionEvent,
  type Effect,
  insteadOf,
  START,
  type Wish,
  type WorldEntry,
} from "./core/connection";
import { roleNews, veil } from "./core/copy";
import { LatencyMeter } from "./core/latency";
import type { PresentedFrame } from "./core/media";
import {
  type How,
  NO_PROMPT,
  type Prompting,
  type PromptEvent,
  reducePrompting,
} from "./core/prompting";
import type { Rates } from "./core/rates";
import { Ring } from "./core/ring";
import type { Error as ControlError, ServerMessage, Status, WorldDescription } from "./protocol";
import { catalogue, endWorld, locateWorld, Refusal } from "./shell/api";
import { Finder } from "./shell/finder";
import { listenToDrops, readPicture } from "./shell/picture";
import { Session } from "./shell/session";
import { rememberWorld, worldInUrl } from "./shell/url";
import { Steering } from "./steering";
import type { PageView } from "./ui/page";
import { PickerView } from "./ui/picker";
import { PromptView } from "./ui/prompt";

const FRAMES_KEPT = 1000;
/** A picture is sent so many times larger than the world's own. */
const PICTURE_SCALE = 4;

export class App {
  private connection: Connection = START;
  private session: Session | null = null;
  private readonly finder = new Finder({ locate: locateWorld, end: endWorld });
  private retryTimer = 0;

  private description: WorldDescription | null = null;
  private status: Status | null = null;
  private rates: Rates | null = null;

  private seq = 0;
  private prompting: Prompting = NO_PROMPT;
  private readonly latency = new LatencyMeter();
  private readonly frames = new Ring<PresentedFrame>(FRAMES_KEPT);
  private readonly steering: Steering;
  private readonly picker: PickerView;
  private readonly prompt: PromptView;

  constructor(private readonly page: PageView) {
    this.steering = new Steering(page, (at, press) => this.steered(at, press));
    this.picker = new PickerView((world) => this.visit({ world }));
    this.prompt = new PromptView({
      said: (text, how) => this.say(text, how),
      typed: () => this.prompted({ type: "forget" }),
      picture: (file) => void this.startFrom(file),
    });
  }

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

  /** Go to a new world; the one that one has to oneself makes room for it. */
  private visit(ask: Ask): void {
    this.happened({ type: "start", id: null, ask, leave: true });
  }

  get live(): boolean {
    return this.connection.phase === "live";
  }

  private happened(event: ConnectionEvent): void {
    const [next, effects] = advance(this.connection, event);
    if (next === this.connection && effects.length === 0) return;
    this.connection = next;
    for (const effect of effects) this.perform(effect);
    this.page.veil(veil(next, this.status?.phase ?? null));
    this.page.showSound(this.page.video.muted, this.live);
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case "locate":
        clearTimeout(this.retryTimer);
        void this.locate(effect);
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

  private async locate(wish: Wish): Promise<void> {
    try {
      const world = await this.finder.find(wish);
      if (world !== null) this.happened({ type: "located", world });
    } catch (error) {
      if (error instanceof Refusal) this.declined(wish.ask, error);
      else this.happened({ type: "failed", problem: "unreachable" });
    }
  }

  /** The server will not have it: something simpler, or the same again later. */
  private declined(ask: Ask, refusal: Refusal): void {
    const instead = insteadOf(ask, refusal);
    if (instead === null)
      return this.happened({ type: "failed", problem: "unavailable", detail: refusal.message });
    this.page.say(refusal.message);
    this.happened({ type: "start", id: null, ask: instead });
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
    this.steering.rest();
    this.latency.interrupt();
    this.prompted({ type: "forget" });
    this.page.measurements(this.latency.recentMedian, null);
  }

  private received(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.welcomed(message.world);
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
      case "prompt_receipt":
        this.prompted({ type: "taken", receipt: message });
        break;
      case "error":
        this.refused(message);
        break;
      case "stall": // counted in the status
      case "pong": // any message proves that the server lives
        break;
    }
  }

  private welcomed(world: WorldDescription): void {
    if (world.id !== this.description?.id) this.prompt.clear();
    this.description = world;
    this.page.describe(world);
    this.steering.announce(world);
    this.prompt.announce(world.words);
    this.picker.show(world.world);
    this.happened({ type: "welcomed", kind: world.world });
    void catalogue().then((entries) => this.picker.offer(entries));
  }

  private refused(error: ControlError): void {
    console.warn(`control: ${error.code}: ${error.message}`);
    this.prompted({ type: "refused", refusal: error });
    if (error.fatal !== true) return;
    if (error.code === "unsupported_version")
      this.happened({ type: "refused", detail: error.message });
    else this.happened({ type: "failed", problem: "control_lost", detail: error.message });
  }

  private changed(status: Status): void {
    const before = this.status;
    this.status = status;
    this.page.status(status);
    this.steering.drives = status.role === "driver";
    this.prompt.show(status.prompt, this.steering.drives);
    const alone = status.role === "driver" && status.viewers <= 1;
    this.happened({ type: "company", alone });
    const news = roleNews(before?.role ?? null, status.role);
    if (news !== null) this.page.say(news);
    if (status.role === "driver") {
      this.page.notice(null);
      // What is held already counts from the moment one drives.
      if (before?.role !== "driver") this.sendInput(performance.now());
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
    this.prompted({ type: "presented", frame });
  }

  private measured(rates: Rates): void {
    this.rates = rates;
    this.page.measurements(this.latency.recentMedian, rates);
  }

  private steered(at: number, press: string | null): void {
    const seq = this.sendInput(at);
    if (seq !== null && press !== null)
      this.latency.sent({ seq, code: press, pressedAt: at, sentAt: performance.now() });
  }

  /** The number of the message, null where one does not drive. */
  private sendInput(at: number): number | null {
    if (this.session === null || this.status?.role !== "driver") return null;
    this.seq += 1;
    this.session.input(this.seq, at, this.steering.buttons, this.steering.moved);
    return this.seq;
  }

  private say(text: string, how: How): void {
    if (this.session === null || this.status?.role !== "driver") return;
    this.seq += 1;
    const at = performance.now();
    this.prompted({ type: "sent", seq: this.seq, text, at });
    this.session.prompt(this.seq, at, text, how);
  }

  private prompted(event: PromptEvent): void {
    const next = reducePrompting(this.prompting, event);
    if (next === this.prompting) return;
    this.prompting = next;
    this.prompt.tell(next);
    if (event.type === "taken") this.prompt.taken(next.text);
  }

  /** A new world of this kind, from a picture. */
  private async startFrom(file: File): Promise<void> {
    if (this.description === null || this.status?.role !== "driver") return;
    const { world, width, height } = this.description;
    const { prompt } = this.status;
    try {
      const image = await readPicture(file, PICTURE_SCALE * width, PICTURE_SCALE * height);
      this.visit({ world, image, ...(prompt ? { prompt } : {}) });
    } catch {
      this.page.say(`${file.name} is not a picture that this browser can read`);
    }
  }

  private listen(): void {
    listenToDrops(
      (over) => this.page.showDrop(over),
      (file) => void this.startFrom(file),
    );
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
        return app.steering.buttons;
      },
      get moved() {
        return app.steering.moved;
      },
      get prompting() {
        return app.prompting;
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
