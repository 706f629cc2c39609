/** The page: what every answer of the server changes on it. */
import { byId, setHidden, setText } from "../ui/elements";
import { Cards } from "./cards";
import { Chart } from "./chart";
import type { Listener } from "./feed";
import { count, duration, number, sentence } from "./format";
import { megabits, PLOTS, rate, sameServer, viewers } from "./plots";
import type { SessionStatus, Status } from "./status";
import { Track } from "./track";

const WINDOW_S = 300;

/** Good, attention, wrong: for the colour of a lamp or a tile. */
type Tone = "good" | "attention" | "wrong";

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly unit?: string;
  readonly tone?: Tone;
}

export class StatusPage implements Listener {
  private readonly charts = PLOTS.map((plot) => ({
    plot,
    track: new Track(WINDOW_S),
    chart: new Chart(plot, WINDOW_S),
  }));
  private readonly cards = new Cards(byId("sessions"));
  private before: Status | null = null;
  private lostSince: number | null = null;

  constructor() {
    byId("plots").append(...this.charts.map(({ chart }) => chart.element));
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => {
      for (const { chart } of this.charts) chart.build();
    });
  }

  status(now: Status): void {
    const before = this.before !== null && sameServer(now, this.before) ? this.before : null;
    this.before = now;
    this.lostSince = null;
    byId("main").setAttribute("aria-busy", "false");
    document.body.classList.remove("lost");
    this.lamp(now.readiness.ready ? "good" : "attention", readiness(now));
    setText(byId("uptime"), `up ${duration(now.uptime_s)}`);
    tiles(byId("tiles"), summary(now, before));
    this.cards.show(now.sessions, bitrates(now, before));
    this.empty(now.sessions.length === 0, "Nobody plays right now.", true);
    for (const { plot, track, chart } of this.charts) {
      track.add(now.time, plot.values(now, before));
      chart.show(track);
    }
  }

  lost(reason: string): void {
    const now = Date.now() / 1000;
    this.lostSince ??= now;
    const known = this.before !== null;
    document.body.classList.toggle("lost", known);
    const since = known ? ` for ${duration(now - this.lostSince)}` : "";
    this.lamp("wrong", `Not connected${since}: ${reason}`);
    setText(byId("uptime"), "");
    if (!known) this.empty(true, "The server can not be reached. This page goes on trying.", false);
    for (const { track, chart } of this.charts) {
      if (known) track.gap(now);
      chart.show(track);
    }
  }

  private lamp(tone: Tone, text: string): void {
    byId("state").dataset["tone"] = tone;
    setText(byId("state-text"), text);
  }

  private empty(show: boolean, text: string, invite: boolean): void {
    const place = byId("sessions-empty");
    setHidden(place, !show);
    if (!show || place.dataset["text"] === text) return;
    place.dataset["text"] = text;
    place.replaceChildren(text);
    if (!invite) return;
    const link = document.createElement("a");
    link.href = "/";
    link.textContent = "Open a world";
    place.append(" ", link);
  }
}

function readiness({ readiness, workers }: Status): string {
  const down = workers.filter(({ pid }) => pid === null).length;
  if (down > 0 && down < workers.length) return `${count(down, "worker")} down`;
  return readiness.ready ? "Ready for another session" : sentence(readiness.reason ?? "not ready");
}

function summary(now: Status, before: Status | null): Tile[] {
  const misses = rate(now, before, ({ totals }) => totals.deadline_misses);
  const sent = megabits(now, before, ({ totals }) => totals.picture_bytes + totals.sound_bytes);
  return [
    { name: "Sessions", value: number(now.sessions.length) },
    { name: "Viewers", value: number(viewers(now)) },
    { name: "Waiting", value: number(now.queue), ...(now.queue > 0 ? { tone: "attention" } : {}) },
    {
      name: "Deadline misses",
      value: number(now.totals.deadline_misses),
      ...(misses ? { tone: "wrong" } : {}),
    },
    { name: "Sent", value: number(sent, 2), unit: "Mb/s" },
    {
      name: "Dropped",
      value: number(Object.values(now.totals.dropped).reduce((a, b) => a + b, 0)),
    },
    { name: "Loop lag, p99", value: number(now.loop_lag_ms.p99, 1), unit: "ms" },
    {
      name: "Workers lost",
      value: number(now.totals.workers_lost),
      ...(now.workers.some(({ pid }) => pid === null) ? { tone: "wrong" } : {}),
    },
  ];
}

function tiles(place: HTMLElement, shown: readonly Tile[]): void {
  shown.forEach(({ name, value, unit, tone }, i) => {
    const tile = (place.children[i] ?? place.appendChild(newTile(name, unit))) as HTMLElement;
    setText(tile.querySelector("b") as HTMLElement, value);
    tile.dataset["tone"] = tone ?? "";
  });
}

function newTile(name: string, unit: string | undefined): HTMLElement {
  const [tile, term, description, value] = ["div", "dt", "dd", "b"].map((tag) =>
    document.createElement(tag),
  ) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement];
  term.textContent = name;
  description.append(value);
  if (unit !== undefined) {
    const small = document.createElement("small");
    small.textContent = unit;
    description.append(" ", small);
  }
  tile.append(term, description);
  return tile;
}

function bitrates(now: Status, before: Status | null): Map<string, number | null> {
  const bytes = (session: SessionStatus | undefined) =>
    session === undefined ? 0 : session.picture_bytes + session.sound_bytes;
  return new Map(
    now.sessions.map(({ id }) => {
      const of = (status: Status) => bytes(status.sessions.find((session) => session.id === id));
      return [id, megabits(now, before, of)];
    }),
  );
}
