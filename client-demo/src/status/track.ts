/** Values over the last minutes, in columns for a plot. Pure but for its own columns. */

export type Values = Readonly<Record<string, number | null>>;

/** Columns of equal length; null where a line has no value. */
export interface Columns {
  /** Unix time, seconds. */
  readonly times: readonly number[];
  readonly lines: ReadonlyMap<string, readonly (number | null)[]>;
}

export class Track implements Columns {
  readonly times: number[] = [];
  readonly lines = new Map<string, (number | null)[]>();

  /** `window`: seconds that are kept. */
  constructor(private readonly window: number) {}

  /** The values at this moment. A line that is new has none before, one that is missing none now. */
  add(time: number, values: Values): void {
    const last = this.times.at(-1);
    if (last !== undefined && time <= last) return;
    for (const name of Object.keys(values))
      if (!this.lines.has(name))
        this.lines.set(
          name,
          this.times.map(() => null),
        );
    this.times.push(time);
    for (const [name, line] of this.lines) line.push(values[name] ?? null);
    this.forget(time - this.window);
  }

  /** Nothing is known of this moment: lines are interrupted. */
  gap(time: number): void {
    this.add(time, {});
  }

  private forget(before: number): void {
    const first = this.times.findIndex((time) => time >= before);
    if (first > 0) {
      this.times.splice(0, first);
      for (const line of this.lines.values()) line.splice(0, first);
    }
    for (const [name, line] of this.lines)
      if (line.every((value) => value === null)) this.lines.delete(name);
  }
}
