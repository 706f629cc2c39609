/** The running page: the cores' states, and the wires between them and the world outside. */
import {
  type Ask,
  advance,
  backoff,
  type Connection,
  type ConnectionEvent,
  type Effect,
  insteadOf,
  START,
  type Wish,
} from "./core/connection";
import {
  type Action,
  announcement,
  pauseText,
  placeText,
  type Role,
  unfitText,
  veil,
} from "./core/copy";
import { degradationText } from "./core/degradation";
import { closed } from "./core/refusals";
import { LatencyMeter } from "./core/stream/latency";
import type { PresentedFrame } from "./core/stream/media";
import type { Rates } from "./core/stream/rates";
import { Ring } from "./core/stream/ring";
import { turnLeft, type WheelChoice, wheelNews, wheelText } from "./core/wheel";
import { Driving } from "./driving";
import { expose } from "./expose";
import type { CatalogueEntry } from "./http";
import { Preferences } from "./preferences";
import type { Error as ControlError, ServerMessage, Status, Welcome } from "./protocol";
import { isSnapshot, SessionMenu } from "./session_menu";
import { address, rememberSession, rememberTicket, rememberWatch } from "./shell/address";
import { Refusal } from "./shell/api";
import { Awake } from "./shell/awake";
import { Finder } from "./shell/finder";
import { listenToDrops, readPicture } from "./shell/picture";
import { QueueWait } from "./shell/queue";
import { keepSeatToken, seatToken } from "./shell/seats";
import { catalogue, endSession, leaveQueue, locate } from "./shell/sessions";
import { wireTools } from "./shell/tools";
import { Vibration } from "./shell/vibration";
import { Visit } from "./shell/visit";
import { PageView } from "./ui/page";
import { PickerView } from "./ui/picker";
import { ReadoutView } from "./ui/readout";
import { WheelView } from "./ui/wheel";

const FRAMES_KEPT = 1000;

export class App {
  connection: Connection = START;
  welcome: Welcome | null = null;
  status: Status | null = null;
  rates: Rates | null = null;
  /** Messages of the server that did not fit the protocol. */
  unfit = 0;
  readonly latency = new LatencyMeter();
  readonly frames = new Ring<PresentedFrame>(FRAMES_KEPT);
  readonly driving: Driving;

  private visit: Visit | null = null;
  private wait: QueueWait | null = null;
  private readonly finder = new Finder({ locate, end: endSession, leaveQueue });
  private retryTimer = 0;
  private worlds: readonly CatalogueEntry[] = [];
  private statusAt = 0; // when it was received
  private fullSteps = 0; // the most that the session was seen to have
  private onlyWatch = address().watch;

  private readonly page = new PageView((action) => this.do(action));
  private readonly picker = new PickerView((world) => this.go({ world }));
  private readonly wheel = new WheelView((choice) => this.steer(choice));
  private readonly readout = new ReadoutView();
  private readonly awake = new Awake();
  private readonly vibration = new Vibration(this.page.video);
  private readonly preferences: Preferences;
  private readonly menu = new SessionMenu(this.page, (ask) => this.go(ask), {
    graphs: () => this.toggleGraphs(),
    settings: () => this.preferences.open(),
  });

  constructor() {
    this.driving = new Driving(this.page, this.latency, {
      send: (message) => this.visit?.send(message),
      picture: (file) => void this.startFrom(file),
      hand: (hand) => this.vibration.holds(hand),
    });
    this.preferences = new Preferences(this.page, this.driving.steering, this.vibration);
  }

  start(): void {
    wireTools(this.page, () => this.connection.phase === "live");
    this.listen();
    expose(this);
    this.restart();
  }

  /** From anew, as if the page had just been opened. */
  private restart(): void {
    const { session: id, ticket, world } = address();
    void this.learnWorlds();
    this.happened({ type: "start", id, ticket, ask: world === null ? {} : { world } });
  }

  /** Go to a new session; the one that one has to oneself makes room for it. */
  private go(ask: Ask): void {
    const entry = this.worlds.find(({ name }) => name === ask.world);
    const lacks = entry?.image === "required" && !ask.image && !ask.snapshot;
    if (lacks) this.happened({ type: "needs_image", ask });
    else this.happened({ type: "start", id: null, ask, leave: true });
  }

  private do(action: Action): void {
    switch (action.type) {
      case "retry":
        return this.connection.phase === "refused"
          ? this.restart()
          : this.happened({ type: "retry" });
      case "watch":
      case "leave_queue":
        return this.happened(action);
      case "choose_image":
        return this.driving.prompt.choosePicture();
    }
  }

  private happened(event: ConnectionEvent): void {
    const [next, effects] = advance(this.connection, event);
    if (next === this.connection && effects.length === 0) return;
    const { ask } = this.connection;
    this.connection = next;
    for (const effect of effects) {
      if (effect.type === "open" && effect.session.created) this.menu.makes(effect.session.id, ask);
      this.perform(effect);
    }
    this.showConnection();
  }

  private showConnection(): void {
    const { phase, queue } = this.connection;
    const session = this.status?.phase ?? null;
    const over = veil(this.connection, session);
    const pause = session === null ? "" : pauseText(session);
    this.page.veil(over);
    this.page.announce(announcement(over, this.welcome?.session.title ?? "", pause));
    this.page.showSound(this.page.video.muted, phase === "live");
    const waits = queue !== null && phase !== "queued";
    this.page.notice(waits ? placeText(queue.place) : null, waits ? "Leave the queue" : null);
  }

  private perform(effect: Effect): void {
    switch (effect.type) {
      case "locate":
        clearTimeout(this.retryTimer);
        void this.locate(effect);
        break;
      case "open":
        this.open(effect.session, effect.want);
        break;
      case "close":
        this.close();
        break;
      case "wait":
        this.retryTimer = window.setTimeout(
          () => this.happened({ type: "retry" }),
          backoff(effect.failures, Math.random(), effect.leastS),
        );
        break;
      case "queue":
        rememberTicket(effect.ticket);
        this.wait = new QueueWait(effect.ticket, {
          place: (place) => this.happened({ type: "queued", place }),
          admitted: (session) => {
            this.happened({ type: "admitted", session });
            this.page.remark("It is your turn: this session is yours");
          },
          lapsed: () => this.happened({ type: "lapsed" }),
        });
        break;
      case "unqueue":
        this.wait?.leave();
        this.wait = null;
    }
  }

  private async locate(wish: Wish): Promise<void> {
    try {
      const found = await this.finder.find(wish);
      if (found === null) return;
      if ("place" in found) this.happened({ type: "queued", place: found.place });
      else this.happened({ type: "located", session: found.session });
    } catch (error) {
      if (error instanceof Refusal) this.declined(wish.ask, error);
      else this.happened({ type: "failed", problem: "unreachable" });
    }
  }

  /** The server refuses: ask for something simpler, for what is missing, or again later. */
  private declined(ask: Ask, refusal: Refusal): void {
    if (refusal.code === "image-required") return this.happened({ type: "needs_image", ask });
    const { message: detail, status, retryS } = refusal;
    if (status === 401 || status === 403)
      return this.happened({ type: "refused", obstacle: "no_access", detail });
    const instead = insteadOf(ask, refusal);
    if (instead === null)
      return this.happened({ type: "failed", problem: "unavailable", detail, retryS });
    this.page.remark(detail);
    this.happened({ type: "start", id: null, ask: instead });
  }

  private open(session: NonNullable<Connection["session"]>, want: Role): void {
    if (typeof RTCPeerConnection === "undefined") {
      const detail = "WebRTC is switched off in this browser";
      this.happened({ type: "refused", obstacle: "unsupported", detail });
      return;
    }
    if (want === "driver") rememberSession(session.id);
    this.frames.clear();
    this.fullSteps = 0;
    if (session.created) this.onlyWatch = false; // a session of one's own is there to be driven
    if (want === "driver") rememberWatch(this.onlyWatch);
    const role = this.onlyWatch ? "spectator" : want;
    // Who only watches while waiting does not take the wheel again that they had here.
    const resume = want === "driver" ? seatToken(session.id) : null;
    this.visit = new Visit(session, role, resume, this.page.video, {
      message: (message) => this.received(message),
      unfit: (fault) => this.misfit(fault),
      closed: (code, reason) => this.happened(closed(code, reason)),
      picture: () => this.happened({ type: "picture" }),
      presented: (frame) => this.presented(frame),
      rates: (rates) => this.measured(rates),
      failed: (problem, detail) =>
        this.happened({ type: "failed", problem, ...(detail === undefined ? {} : { detail }) }),
      refused: (detail) => this.happened({ type: "refused", obstacle: "unsupported", detail }),
    });
  }

  private close(): void {
    this.visit?.close();
    this.visit = null;
    this.status = null;
    this.rates = null;
    this.driving.rest();
    this.latency.interrupt();
    this.menu.show(null, null);
    this.awake.want(false);
    this.vibration.want(false);
    this.showMeasurements(false);
  }

  private received(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        return this.welcomed(message);
      case "status":
        return this.changed(message);
      case "receipt":
        return this.latency.receipt(message, performance.now(), this.frames.toArray());
      case "prompt_receipt":
      case "rewind_receipt":
        return this.driving.received(message);
      case "error":
        return this.refused(message);
      case "stall": // counted in the status
      case "pong": // any message proves that the server lives
    }
  }

  private welcomed(welcome: Welcome): void {
    const { session, resume } = welcome;
    this.welcome = welcome;
    keepSeatToken(session.id, resume);
    this.page.describe(session);
    this.driving.announce(session);
    this.preferences.announce(session);
    this.picker.show(session.world);
    this.happened({ type: "welcomed", world: session.world });
    void this.learnWorlds();
  }

  private async learnWorlds(): Promise<void> {
    this.worlds = await catalogue();
    this.picker.offer(this.worlds);
    const here = this.worlds.find(({ name }) => name === this.welcome?.session.world);
    this.driving.prompt.offerImages(here !== undefined && here.image !== "none");
  }

  /** What is fatal is followed by the close of the connection, which has the say. */
  private refused(error: ControlError): void {
    console.warn(`control: ${error.code}: ${error.message}`);
    this.driving.refused(error);
  }

  /** The first is shown, all are counted. */
  private misfit(fault: string): void {
    console.warn(`control: a message that does not fit: ${fault}`);
    this.unfit += 1;
    if (this.unfit === 1) this.page.remark(unfitText(fault));
  }

  private changed(status: Status): void {
    const before = this.status;
    this.status = status;
    this.statusAt = performance.now();
    this.fullSteps = Math.max(this.fullSteps, status.steps);
    const fps = this.welcome?.session.fps ?? 0;
    const degradation = degradationText(status, fps, this.fullSteps);
    this.page.status(status.role, status.phase, degradation);
    const drives = status.role === "driver" && status.phase === "running";
    this.awake.want(drives);
    this.vibration.want(drives);
    this.menu.show(this.connection.session?.id ?? null, status);
    this.driving.changed(status);
    this.showWheel();
    const news = wheelNews(before, status);
    if (news !== null) this.page.remark(news);
    this.happened({ type: "company", alone: status.role === "driver" && status.viewers <= 1 });
    if (status.phase === "ended" || status.phase === "failed")
      this.happened({
        type: "failed",
        problem: "ended",
        ...(status.reason ? { detail: status.reason } : {}),
      });
    else if (status.phase !== before?.phase) this.showConnection();
  }

  private showWheel(): void {
    if (this.status === null || this.welcome === null) return;
    const left = turnLeft(this.status, this.statusAt, performance.now());
    this.wheel.show(wheelText(this.status, this.welcome.seat, left));
  }

  private steer({ action, seat }: WheelChoice): void {
    this.onlyWatch = action === "leave";
    rememberWatch(this.onlyWatch);
    this.visit?.send({ type: "wheel", action, seat });
  }

  private presented(frame: PresentedFrame): void {
    this.frames.push(frame);
    this.latency.presented(frame);
    this.driving.presented(frame);
  }

  private measured(rates: Rates): void {
    this.rates = rates;
    this.latency.expire(performance.now());
    this.showMeasurements(true);
    this.showWheel(); // a turn's seconds run down
  }

  private showMeasurements(live: boolean): void {
    const { rates, status } = this;
    const measured = { latency: this.latency.recentMedian, rates, stalls: status?.stalls ?? null };
    this.readout.show(measured, live);
  }

  private toggleGraphs(): boolean {
    this.readout.showGraphs(!this.readout.graphs);
    return this.readout.graphs;
  }

  /** A new session of this world, from a picture. */
  private async startFrom(file: File): Promise<void> {
    if (this.worlds.length === 0) await this.learnWorlds(); // the catalogue is still on its way
    const { phase, ask } = this.connection;
    const asked = phase === "needs_image";
    if (!asked && this.status?.role !== "driver") return;
    const name = asked ? ask.world : this.welcome?.session.world;
    const world = this.worlds.find((each) => each.name === name) ?? this.worlds[0];
    const prompt = asked ? ask.prompt : this.status?.prompt;
    if (world === undefined) return;
    try {
      const image = await readPicture(file, world.width, world.height);
      this.go({ world: world.name, image, ...(prompt ? { prompt } : {}) });
    } catch {
      this.page.remark(`${file.name} is not a picture that this browser can read`);
    }
  }

  private listen(): void {
    listenToDrops(
      (over) => this.page.showDrop(over),
      (file) => (isSnapshot(file) ? this.menu.openFile(file) : void this.startFrom(file)),
    );
    this.page.volume.addEventListener("input", () =>
      this.preferences.setVolume(this.page.volume.valueAsNumber),
    );
    window.addEventListener("pagehide", () => this.visit?.close());
    // A place in the queue is still held: the timer that asks for it goes on.
    window.addEventListener("pageshow", ({ persisted }) => {
      if (persisted && this.connection.phase !== "queued") this.restart();
    });
    window.addEventListener("online", () => this.happened({ type: "retry" }));
  }
}
