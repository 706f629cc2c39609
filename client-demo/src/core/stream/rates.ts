/** How a connection does, from W3C WebRTC statistics. Pure. */

/** Totals since the connection began, at one moment. */
export interface Totals {
  /** Milliseconds. */
  readonly at: number;
  readonly bytes: number;
  readonly frames: number;
  readonly dropped: number;
  /** Seconds that all frames together waited in the jitter buffer, and how many there were. */
  readonly bufferedS: number;
  readonly buffered: number;
  /** Of the network path in use, milliseconds; null before it was measured. */
  readonly roundTripMs: number | null;
}

export interface Rates {
  /** Decoded frames a second. */
  readonly fps: number;
  /** Bits a second, picture and sound. */
  readonly bitrate: number;
  /** Frames that the browser decoded too late to show, in this time. */
  readonly dropped: number;
  /** Mean time of a frame in the jitter buffer, ms; null without frames. */
  readonly bufferMs: number | null;
  readonly roundTripMs: number | null;
}

/** The fields of `RTCInboundRtpStreamStats` and `RTCIceCandidatePairStats` that are looked at. */
export interface StatsEntry {
  readonly type: string;
  readonly kind?: string;
  readonly bytesReceived?: number;
  readonly framesDecoded?: number;
  readonly framesDropped?: number;
  readonly jitterBufferDelay?: number;
  readonly jitterBufferEmittedCount?: number;
  readonly nominated?: boolean;
  readonly currentRoundTripTime?: number;
}

export function totals(report: Iterable<StatsEntry>, at: number): Totals {
  const entries = [...report];
  const inbound = entries.filter(({ type }) => type === "inbound-rtp");
  const picture = inbound.filter(({ kind }) => kind === "video");
  const path = entries.find(({ type, nominated }) => type === "candidate-pair" && nominated);
  const seconds = path?.currentRoundTripTime;
  const sum = (values: (number | undefined)[]) =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0);
  return {
    at,
    bytes: sum(inbound.map((entry) => entry.bytesReceived)),
    frames: sum(inbound.map((entry) => entry.framesDecoded)),
    dropped: sum(picture.map((entry) => entry.framesDropped)),
    bufferedS: sum(picture.map((entry) => entry.jitterBufferDelay)),
    buffered: sum(picture.map((entry) => entry.jitterBufferEmittedCount)),
    roundTripMs: seconds === undefined ? null : 1000 * seconds,
  };
}

/** Rates between two moments of one connection; null where no time passed. */
export function rates(before: Totals, after: Totals): Rates | null {
  const seconds = (after.at - before.at) / 1000;
  if (seconds <= 0) return null;
  const buffered = after.buffered - before.buffered;
  const waitedS = after.bufferedS - before.bufferedS;
  return {
    fps: (after.frames - before.frames) / seconds,
    bitrate: ((after.bytes - before.bytes) * 8) / seconds,
    dropped: after.dropped - before.dropped,
    bufferMs: buffered > 0 ? (1000 * waitedS) / buffered : null,
    roundTripMs: after.roundTripMs,
  };
}
