/** The last minute of a measurement, as a line. Pure. */
import { Ring } from "./ring";

/** Measurements come about once a second. */
const KEPT = 60;

export type Point = readonly [x: number, y: number];

export class Trace {
  private readonly values = new Ring<number | null>(KEPT);

  /** Null: not measured. */
  push(value: number | null): void {
    this.values.push(value);
  }

  /** Least and greatest value; null where there is none. */
  get range(): readonly [least: number, most: number] | null {
    const known = this.values.toArray().filter((value) => value !== null);
    return known.length === 0 ? null : [Math.min(...known), Math.max(...known)];
  }

  /**
   * Lines without gaps through a box of this size, the newest value at its right edge, zero at its
   * lower one.
   */
  lines(width: number, height: number): Point[][] {
    const values = this.values.toArray();
    const most = this.range?.[1] || 1;
    const lines: Point[][] = [[]];
    values.forEach((value, i) => {
      if (value === null) lines.push([]);
      else {
        const x = width * (1 - (values.length - 1 - i) / (KEPT - 1));
        lines.at(-1)?.push([x, height * (1 - value / most)]);
      }
    });
    return lines.filter((line) => line.length > 0);
  }
}
