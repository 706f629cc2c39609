import type { Status } from "../src/protocol";

/** A status of a session that somebody else drives. */
export const STATUS: Status = {
  ...{ type: "status", phase: "running", role: "spectator", media_time: 1, world_frame: 24 },
  ...{ viewers: 2, seats: 2, driver: "s1", asking: [], turn_left_s: null },
  ...{ stalls: 0, stalled_ms: 0, chunk_ms: 40, steps: 2, rate: 1, overloaded: false },
  ...{ recording: false, prompt: "" },
};
