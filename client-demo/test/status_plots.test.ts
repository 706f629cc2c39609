import { expect, test } from "vitest";
import { DEADLINE, megabits, PLOTS, rate, sameServer } from "../src/status/plots";
import type { SessionStatus, Status } from "../src/status/status";

const SESSION: SessionStatus = {
  id: "a",
  world: "court",
  title: "Court",
  phase: "running",
  viewers: 2,
  seats: 1,
  driver: true,
  world_time: 3,
  level: "full",
  rate: 1,
  chunk_ms: 30,
  deadline_ms: 83,
  encode_ms: 4,
  deadline_misses: 0,
  held_s: 0,
  picture_bytes: 0,
  sound_bytes: 0,
  dropped: 0,
};

const STATUS: Status = {
  time: 100,
  uptime_s: 50,
  readiness: { ready: true, reason: null },
  sessions: [SESSION],
  workers: [
    {
      pid: 1,
      sessions: 1,
      step_busy_ms: 400,
      encode_busy_ms: 100,
      loop_lag_ms: 2,
      memory_bytes: 2e8,
      gpu: null,
    },
  ],
  queue: 0,
  memory_bytes: 1e8,
  loop_lag_ms: { p50: 0, p99: 1 },
  totals: {
    sessions: 1,
    chunks: 10,
    frames: 20,
    deadline_misses: 4,
    held_s: 0,
    picture_bytes: 1_000_000,
    sound_bytes: 0,
    dropped: {},
    workers_lost: 0,
  },
};

const later = (seconds: number, totals: Partial<Status["totals"]>): Status => ({
  ...STATUS,
  time: STATUS.time + seconds,
  uptime_s: STATUS.uptime_s + seconds,
  totals: { ...STATUS.totals, ...totals },
});

const values = (id: string, now: Status, before: Status | null = null) =>
  PLOTS.find((plot) => plot.id === id)?.values(now, before);

test("a rate is a change over the time between two answers", () => {
  const now = later(2, { deadline_misses: 7, picture_bytes: 1_500_000 });
  expect(rate(now, STATUS, ({ totals }) => totals.deadline_misses)).toBe(1.5);
  expect(megabits(now, STATUS, ({ totals }) => totals.picture_bytes)).toBe(2);
});

test("there is no rate without an answer before, nor of a count that fell", () => {
  const misses = ({ totals }: Status) => totals.deadline_misses;
  expect(rate(STATUS, null, misses)).toBeNull();
  expect(rate(STATUS, STATUS, misses)).toBeNull();
  expect(rate(later(1, { deadline_misses: 0 }), STATUS, misses)).toBeNull();
});

test("a server that began anew is another one", () => {
  expect(sameServer(later(1, {}), STATUS)).toBe(true);
  expect(sameServer({ ...STATUS, uptime_s: 1 }, STATUS)).toBe(false);
});

test("chunk times are the longest of each world, beside the shortest deadline", () => {
  const sessions = [
    SESSION,
    { ...SESSION, chunk_ms: 40 },
    { ...SESSION, title: "Pond", chunk_ms: 20, deadline_ms: 60 },
    { ...SESSION, title: "Still", phase: "paused" as const },
  ];
  expect(values("chunk", { ...STATUS, sessions })).toEqual({ Court: 40, Pond: 20, [DEADLINE]: 60 });
  expect(values("chunk", { ...STATUS, sessions: [] })).toEqual({});
});

test("several workers have numbers, and one that is not there has no values", () => {
  const [worker] = STATUS.workers;
  if (worker === undefined) throw new Error("no worker");
  expect(values("busy", STATUS)).toEqual({ step: 40, encode: 10 });
  const workers = [worker, { ...worker, pid: null }];
  expect(values("busy", { ...STATUS, workers })).toEqual({ "step 1": 40, "encode 1": 10 });
});

test("a GPU is plotted where there is one", () => {
  const [worker] = STATUS.workers;
  if (worker === undefined) throw new Error("no worker");
  const gpu = { name: "H100", memory_used_bytes: 3e9, memory_total_bytes: 8e10, use: 0.5 };
  expect(values("memory", STATUS)).toEqual({ server: 100, worker: 200 });
  const workers = [{ ...worker, gpu }];
  expect(values("memory", { ...STATUS, workers })).toEqual({ server: 100, worker: 200, GPU: 3000 });
});
