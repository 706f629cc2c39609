/** Frame rate and bitrate from W3C WebRTC statistics. Pure. */

/** Totals since the connection began, at one moment. */
export interface Totals {
  /** Milliseconds. */
  readonly at: number;
  readonly bytes: number;
  readonly frames: number;
}

export interface Rates {
  /** Decoded frames a second. */
  readonly fps: number;
  /** Bits a second, picture and sound. */
  readonly bitrate: number;
}

/** The fields of `RTCInboundRtpStreamStats` that are looked at. */
export interface StatsEntry {
  readonly type: string;
  readonly bytesReceived?: number;
  readonly framesDecoded?: number;
}

export function totals(report: Iterable<StatsEntry>, at: number): Totals {
  const inbound = [...report].filter((entry) => entry.type === "inbound-rtp");
  const sum = (values: (number | undefined)[]) =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0);
  return {
    at,
    bytes: sum(inbound.map((entry) => entry.bytesReceived)),
    frames: sum(inbound.map((entry) => entry.framesDecoded)),
  };
}

/** Rates between two moments of one connection; null where no time passed. */
export function rates(before: Totals, after: Totals): Rates | null {
  const seconds = (after.at - before.at) / 1000;
  if (seconds <= 0) return null;
  return {
    fps: (after.frames - before.frames) / seconds,
    bitrate: ((after.bytes - before.bytes) * 8) / seconds,
  };
}
