/** The address of the page: a reload, or a friend with the link, comes to the same session. */
import { type Address, readAddress, writeAddress, writeWatch } from "../core/address";

export function address(): Address {
  return readAddress(window.location.search);
}

export function rememberSession(id: string): void {
  remember(writeAddress(window.location.search, "session", id));
}

export function rememberTicket(ticket: string): void {
  remember(writeAddress(window.location.search, "ticket", ticket));
}

/** A reload only watches as well, or drives again. */
export function rememberWatch(watch: boolean): void {
  remember(writeWatch(window.location.search, watch));
}

/** A link to this page with another session on it, or a place in the queue for one. */
export function linkTo(name: "session" | "ticket", value: string): string {
  const url = new URL(window.location.href);
  url.search = writeAddress(url.search, name, value);
  return url.href;
}

function remember(search: string): void {
  const url = new URL(window.location.href);
  url.search = search;
  window.history.replaceState(null, "", url);
}
