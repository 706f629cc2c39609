/** The tokens with which this tab takes the same seats again after a reload. */

const key = (session: string) => `lightcone.seat.${session}`;

/** Null where the browser keeps none, or allows no storage. */
export function seatToken(session: string): string | null {
  try {
    return window.sessionStorage.getItem(key(session));
  } catch {
    return null;
  }
}

export function keepSeatToken(session: string, token: string): void {
  try {
    window.sessionStorage.setItem(key(session), token);
  } catch {
    // Without storage a reload takes a new seat.
  }
}
