/** Measurements, and on request their last minute as lines. */
import { megabits, milliseconds, perSecond } from "../core/copy";
import type { Rates } from "../core/stream/rates";
import { Trace } from "../core/stream/trace";
import { byId, setText } from "./elements";

/** Everything that is measured now; null where it is not. */
export interface Measurements {
  readonly latency: number | null;
  readonly rates: Rates | null;
  readonly stalls: number | null;
}

const GAUGES: Readonly<Record<string, (now: Measurements) => readonly [number | null, string]>> = {
  latency: ({ latency }) => [latency, milliseconds(latency)],
  fps: ({ rates }) => [rates?.fps ?? null, perSecond(rates?.fps ?? null)],
  stalls: ({ stalls }) => [stalls, stalls === null ? "–" : String(stalls)],
  bitrate: ({ rates }) => [(rates?.bitrate ?? 0) / 1e6, megabits(rates?.bitrate ?? null)],
  rtt: ({ rates }) => [rates?.roundTripMs ?? null, milliseconds(rates?.roundTripMs ?? null)],
  buffer: ({ rates }) => [rates?.bufferMs ?? null, milliseconds(rates?.bufferMs ?? null)],
  dropped: ({ rates }) => [rates?.dropped ?? null, perSecond(rates?.dropped ?? null)],
};

interface Gauge {
  readonly value: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly trace: Trace;
  readonly measure: (now: Measurements) => readonly [number | null, string];
}

export class ReadoutView {
  private readonly page = byId("page");
  private readonly gauges: readonly Gauge[];

  constructor() {
    this.gauges = Object.entries(GAUGES).map(([id, measure]) => {
      const value = byId(id);
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      const place = document.createElement("dd");
      place.className = "trace";
      place.append(canvas);
      value.closest("div")?.append(place);
      return { value, canvas, trace: new Trace(), measure };
    });
  }

  /** About once a second; `live`: what is measured is of now. */
  show(now: Measurements, live: boolean): void {
    for (const { value, trace, measure } of this.gauges) {
      const [number, text] = measure(now);
      setText(value, text);
      if (live) trace.push(number);
    }
    this.draw();
  }

  get graphs(): boolean {
    return this.page.classList.contains("graphs");
  }

  showGraphs(shown: boolean): void {
    this.page.classList.toggle("graphs", shown);
    this.draw();
  }

  private draw(): void {
    if (!this.graphs) return;
    for (const { canvas, trace } of this.gauges) {
      const [least, most] = (trace.range ?? []).map((value) => value.toPrecision(3));
      const label = least === undefined ? "No values yet" : `Last minute: ${least} to ${most}`;
      canvas.setAttribute("aria-label", label);
      drawTrace(canvas, trace);
    }
  }
}

function drawTrace(canvas: HTMLCanvasElement, trace: Trace): void {
  const { clientWidth, clientHeight } = canvas;
  const context = canvas.getContext("2d");
  if (context === null || clientWidth === 0) return;
  canvas.width = clientWidth * devicePixelRatio;
  canvas.height = clientHeight * devicePixelRatio;
  context.scale(devicePixelRatio, devicePixelRatio);
  context.translate(0, 2);
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  for (const line of trace.lines(clientWidth - 1, clientHeight - 4)) {
    context.beginPath();
    for (const [x, y] of line) context.lineTo(x, y);
    context.stroke();
  }
}
