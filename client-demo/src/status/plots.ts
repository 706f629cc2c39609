/** What is plotted, and where its values come from. Pure. */
import type { SessionStatus, Status } from "./status";
import type { Values } from "./track";

export interface Plot {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  /** The axis reaches up to here at least. */
  readonly least: number;
  /** What it says, for whoever wonders. */
  readonly about: string;
  /** `before` is the status before this one, of the same server; null for the first. */
  values(now: Status, before: Status | null): Values;
}

/** Names of lines that are limits. */
export const DEADLINE = "deadline";

const MB = 1e6;

export const PLOTS: readonly Plot[] = [
  {
    id: "chunk",
    title: "Chunk time",
    unit: "ms",
    digits: 1,
    least: 10,
    about: "Median time of the recent steps of each world, and how long a chunk may take",
    values: chunkTimes,
  },
  {
    id: "misses",
    title: "Deadline misses",
    unit: "/s",
    digits: 1,
    least: 1,
    about: "Chunks that came late, so that the media clock was held",
    values: (now, before) => ({ misses: rate(now, before, (s) => s.totals.deadline_misses) }),
  },
  {
    id: "busy",
    title: "Busy threads",
    unit: "%",
    digits: 0,
    least: 100,
    about: "Share of the last second in which the step and the encode thread of a worker worked",
    values: (now) => ({
      ...byWorker(now, "step", ({ step_busy_ms }) => step_busy_ms / 10),
      ...byWorker(now, "encode", ({ encode_busy_ms }) => encode_busy_ms / 10),
    }),
  },
  {
    id: "bitrate",
    title: "Sent",
    unit: "Mb/s",
    digits: 2,
    least: 0.1,
    about: "RTP payload to all viewers",
    values: (now, before) => ({
      picture: megabits(now, before, (s) => s.totals.picture_bytes),
      sound: megabits(now, before, (s) => s.totals.sound_bytes),
    }),
  },
  {
    id: "encode",
    title: "Encode time",
    unit: "ms",
    digits: 1,
    least: 5,
    about: "Median time of enlarging and encoding one of the recent pictures",
    values: (now) => longest(now, ({ encode_ms }) => encode_ms),
  },
  {
    id: "lag",
    title: "Loop lag",
    unit: "ms",
    digits: 1,
    least: 5,
    about: "How late the event loops run what is due: the server's p99, a worker's worst second",
    values: (now) => ({
      server: now.loop_lag_ms.p99,
      ...byWorker(now, "worker", ({ loop_lag_ms }) => loop_lag_ms),
    }),
  },
  {
    id: "memory",
    title: "Memory",
    unit: "MB",
    digits: 0,
    least: 100,
    about: "Resident memory of the processes; of a GPU what is in use",
    values: (now) => ({
      server: now.memory_bytes / MB,
      ...byWorker(now, "worker", ({ memory_bytes }) => memory_bytes / MB),
      ...byWorker(now, "GPU", ({ gpu }) => gpu && gpu.memory_used_bytes / MB),
    }),
  },
  {
    id: "people",
    title: "Sessions and people",
    unit: "",
    digits: 0,
    least: 3,
    about: "Sessions, viewers, and who waits in the queue",
    values: (now) => ({
      sessions: now.sessions.length,
      viewers: viewers(now),
      waiting: now.queue,
    }),
  },
];

export function viewers(status: Status): number {
  return status.sessions.reduce((sum, session) => sum + session.viewers, 0);
}

/** Change of a count, each second; null where there is nothing to compare with. */
export function rate(
  now: Status,
  before: Status | null,
  total: (status: Status) => number,
): number | null {
  if (before === null) return null;
  const seconds = now.time - before.time;
  const change = total(now) - total(before);
  return seconds > 0 && change >= 0 ? change / seconds : null;
}

export function megabits(
  now: Status,
  before: Status | null,
  bytes: (status: Status) => number,
): number | null {
  const bytesPerSecond = rate(now, before, bytes);
  return bytesPerSecond === null ? null : (8 * bytesPerSecond) / 1e6;
}

/** Whether both are of one server process: its counts only grow. */
export function sameServer(now: Status, before: Status): boolean {
  return now.uptime_s >= before.uptime_s;
}

/** By world, and the shortest time that any of them has. */
function chunkTimes(now: Status): Values {
  const running = now.sessions.filter(({ phase, chunk_ms }) => phase === "running" && chunk_ms > 0);
  if (running.length === 0) return {};
  const deadline = Math.min(...running.map(({ deadline_ms }) => deadline_ms));
  return { ...longest(now, ({ chunk_ms }) => chunk_ms), [DEADLINE]: deadline };
}

/** The longest time of the running sessions of each world, by its title. */
function longest(now: Status, time: (session: SessionStatus) => number): Values {
  const byWorld: Record<string, number> = {};
  for (const session of now.sessions) {
    if (session.phase !== "running" || time(session) === 0) continue;
    byWorld[session.title] = Math.max(byWorld[session.title] ?? 0, time(session));
  }
  return byWorld;
}

/** With its number where there are several; none for a worker that is not there. */
function byWorker(
  now: Status,
  name: string,
  value: (worker: Status["workers"][number]) => number | null,
): Values {
  const several = now.workers.length > 1;
  const entries = now.workers.map((worker, i): [string, number | null] => [
    several ? `${name} ${i + 1}` : name,
    worker.pid === null ? null : value(worker),
  ]);
  return Object.fromEntries(entries.filter(([, known]) => known !== null));
}
