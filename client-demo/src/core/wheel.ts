/** Who steers, in words, and what can be done about it. Pure. */
import type { Status } from "../protocol";
import type { Role } from "./copy";

export type WheelAction = "ask" | "give" | "leave";

/** A button. `seat`: who is meant, where that is not clear without. */
export interface WheelChoice {
  readonly action: WheelAction;
  readonly seat: string | null;
  readonly label: string;
}

export interface WheelText {
  readonly title: string;
  readonly text: string;
  readonly choices: readonly WheelChoice[];
}

const MOST_NAMED = 4;

/** `seat` is this page's own; `turnLeft` are seconds, null where the turn has no end. */
export function wheelText(status: Status, seat: string, turnLeft: number | null): WheelText {
  const others = othersText(Math.max(0, status.viewers - 1));
  const sentences = (...parts: string[]) => parts.filter((part) => part !== "").join(" ");
  if (status.role === "driver") {
    const asking = status.asking.filter((each) => each !== seat);
    return {
      title: "You are driving",
      text: sentences(askingText(asking.length), turnText("Your turn ends", turnLeft), others),
      choices: [...handOver(asking), choice("leave", "Just watch")],
    };
  }
  const place = status.asking.indexOf(seat);
  const asks = place >= 0;
  const choices = [asks ? choice("leave", "Just watch") : choice("ask", "Ask for the wheel")];
  if (status.driver === null)
    return {
      title: "Nobody is driving; you are watching",
      text: sentences("The wheel is free.", others),
      choices,
    };
  const promise =
    place === 0 ? "You are next at the wheel." : `You are number ${place + 1} in line.`;
  return {
    title: "Somebody else is driving; you are watching",
    text: sentences(
      asks ? promise : "",
      place === 0 ? turnText("Their turn ends", turnLeft) : "",
      others,
    ),
    choices,
  };
}

/** Seconds of the turn that are left at `now`, by a status received at `statusAt` (ms). */
export function turnLeft(status: Status, statusAt: number, now: number): number | null {
  if (status.turn_left_s === null) return null;
  return Math.max(0, status.turn_left_s - (now - statusAt) / 1000);
}

/** What to announce when the role or the askers change; null where it is no news. */
export function wheelNews(before: Status | null, after: Status): string | null {
  const role: Role | null = before?.role ?? null;
  if (role === "spectator" && after.role === "driver") return "You are driving now";
  if (role === "driver" && after.role === "spectator")
    return after.driver === null ? "You are watching now" : "Somebody else has the wheel now";
  const more = after.asking.length > (before?.asking.length ?? 0);
  return role === "driver" && more ? "Somebody asks for the wheel" : null;
}

function handOver(asking: readonly string[]): WheelChoice[] {
  if (asking.length <= 1) return asking.length === 0 ? [] : [choice("give", "Hand over the wheel")];
  return asking
    .slice(0, MOST_NAMED)
    .map((seat) => ({ action: "give", seat, label: `Hand over to ${seat}` }));
}

function choice(action: WheelAction, label: string): WheelChoice {
  return { action, seat: null, label };
}

function askingText(asking: number): string {
  if (asking === 0) return "";
  return asking === 1 ? "Somebody asks for the wheel." : `${asking} people ask for the wheel.`;
}

function turnText(ends: string, left: number | null): string {
  return left === null ? "" : `${ends} in ${Math.ceil(left)} s.`;
}

function othersText(others: number): string {
  if (others === 0) return "Nobody else is here.";
  return others === 1 ? "One other person is here." : `${others} other people are here.`;
}
