/** A plot on the page: title, lines with their names and values, and the curves themselves. */
import uPlot from "uplot";
import { setText } from "../ui/elements";
import { number } from "./format";
import { DEADLINE, type Plot } from "./plots";
import type { Columns } from "./track";

const MINUTES = [15, 30, 60, 120]; // between labels of the time
const LEAST_S = 60;
const COLOURS = 6; // of --line-1 and so on

export class Chart {
  readonly element = document.createElement("article");
  private readonly legend = document.createElement("ul");
  private readonly canvas = document.createElement("div");
  private readonly missing = document.createElement("p");
  private plot: uPlot | null = null;
  private names: readonly string[] = [];
  private shown: uPlot.AlignedData = [[]];

  /** `window`: seconds that are shown. */
  constructor(
    private readonly spec: Plot,
    private readonly window: number,
  ) {
    this.element.className = "plot";
    this.element.id = `plot-${spec.id}`;
    const head = document.createElement("h3");
    head.textContent = spec.title;
    const unit = document.createElement("small");
    unit.textContent = spec.unit;
    head.append(" ", unit);
    this.element.title = spec.about;
    this.legend.className = "legend";
    this.canvas.className = "canvas";
    this.canvas.setAttribute("role", "img");
    this.missing.className = "missing";
    this.missing.textContent = "Nothing yet";
    this.element.append(head, this.legend, this.canvas, this.missing);
    new ResizeObserver(() => this.fit()).observe(this.canvas);
  }

  show({ times, lines }: Columns): void {
    const names = [...lines.keys()].sort((a, b) => Number(a === DEADLINE) - Number(b === DEADLINE));
    this.shown = [[...times], ...names.map((name) => [...(lines.get(name) ?? [])])];
    this.missing.hidden = names.length > 0;
    if (names.join("\n") !== this.names.join("\n")) {
      this.names = names;
      this.build();
    } else this.plot?.setData(this.shown);
    this.describe(null);
  }

  /** Colours have changed. */
  build(): void {
    this.plot?.destroy();
    this.plot = null;
    this.legend.replaceChildren(...this.names.map((name, i) => entry(name, i)));
    if (this.canvas.clientWidth === 0) return;
    this.plot = new uPlot(this.options(), this.shown, this.canvas);
  }

  private fit(): void {
    if (this.plot === null) this.build();
    else this.plot.setSize(this.size());
  }

  private size(): { width: number; height: number } {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  /** The whole window once there is so much, a minute at least. */
  private range(first: number, last: number): [number, number] {
    return [Math.max(last - this.window, Math.min(first, last - LEAST_S)), last];
  }

  private options(): uPlot.Options {
    const style = getComputedStyle(this.element);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--quiet"), font: "11px system-ui, sans-serif" };
    const grid = { stroke: colour("--line"), width: 1 };
    const single = this.names.filter((name) => name !== DEADLINE).length === 1;
    return {
      ...this.size(),
      padding: [8, 4, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, sync: { key: "status" }, drag: { x: false } },
      hooks: { setCursor: [(plot) => this.describe(at(plot))] },
      scales: {
        x: { time: true, range: (_, first, last) => this.range(first, last) },
        y: { range: (_, __, most) => [0, Math.max(this.spec.least, 1.1 * (most ?? 0))] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          ticks: { show: false },
          size: 22,
          space: 62,
          incrs: MINUTES,
          values: clock,
        },
        { ...axis, grid, ticks: { show: false }, size: 44, space: 28 },
      ],
      series: [
        {},
        ...this.names.map((name, i): uPlot.Series => {
          const stroke = colour(lineColour(name, i));
          if (name === DEADLINE)
            return { stroke, width: 1.25, dash: [5, 4], points: { show: false } };
          const fill = single ? `${stroke}26` : undefined;
          return { stroke, width: 1.75, points: { show: false }, ...(fill ? { fill } : {}) };
        }),
      ],
    };
  }

  /** The values at the cursor, or without one the last. */
  private describe(index: number | null): void {
    const texts = this.names.map((name, i) => {
      const line = this.shown[i + 1] ?? [];
      const value = line[index ?? line.length - 1] ?? null;
      const text = number(value, this.spec.digits);
      const element = this.legend.children[i]?.querySelector("b");
      if (element) setText(element as HTMLElement, text);
      return `${name} ${text} ${this.spec.unit}`;
    });
    this.canvas.setAttribute("aria-label", `${this.spec.title}: ${texts.join(", ")}`);
  }
}

function entry(name: string, index: number): HTMLElement {
  const item = document.createElement("li");
  const mark = document.createElement("span");
  mark.className = name === DEADLINE ? "swatch limit" : "swatch";
  mark.style.setProperty("--colour", `var(${lineColour(name, index)})`);
  const value = document.createElement("b");
  item.append(mark, name, " ", value);
  return item;
}

/** The index under the cursor; null where that is not there, or before the first value. */
function at({ cursor, data, posToVal }: uPlot): number | null {
  const first = data[0][0];
  if (cursor.idx == null || cursor.left === undefined || first === undefined) return null;
  return posToVal(cursor.left, "x") < first ? null : cursor.idx;
}

function lineColour(name: string, index: number): string {
  return name === DEADLINE ? "--limit" : `--line-${(index % COLOURS) + 1}`;
}

/** Labels of these times; none where it would be cut off. */
function clock(plot: uPlot, times: number[]): string[] {
  const seconds = (times[1] ?? 60) - (times[0] ?? 0) < 60;
  const right = plot.bbox.width / devicePixelRatio - (seconds ? 28 : 18);
  return times.map((time) => {
    if (plot.valToPos(time, "x") > right) return "";
    return new Date(time * 1000).toLocaleTimeString([], {
      hour: "2-digit",
      minute: "2-digit",
      ...(seconds ? { second: "2-digit" } : {}),
      hour12: false,
    });
  });
}
