/** Where the machine is too slow for the session, in a few words. Pure. */
import type { Status } from "../protocol";

/** `fullSteps` is the most steps that the session was seen to have. "" where nothing is lowered. */
export function degradationText(status: Status, fps: number, fullSteps: number): string {
  if (status.phase !== "running") return "";
  const parts = [
    ...(status.overloaded ? ["the machine can not keep up"] : []),
    ...(status.rate < 1 ? [`${Math.round(status.rate * fps)} of ${fps} fps`] : []),
    ...(status.steps < fullSteps ? ["fewer steps"] : []),
  ];
  return parts.join(" · ");
}
