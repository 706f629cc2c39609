/** What this browser keeps of the page's settings. */

const KEY = "lightcone.settings";

/** Null where nothing is kept, or the browser allows no storage. */
export function stored(): string | null {
  try {
    return window.localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Whether it is kept: a browser may allow no storage, or have no room. */
export function store(text: string): boolean {
  try {
    window.localStorage.setItem(KEY, text);
    return true;
  } catch {
    return false;
  }
}
