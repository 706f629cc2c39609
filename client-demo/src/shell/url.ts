/** The world's id in the address of the page: `?world=ID`. */

const PARAMETER = "world";

export function worldInUrl(): string | null {
  return new URL(window.location.href).searchParams.get(PARAMETER) || null;
}

/** So that a reload, or a friend with the link, comes to the same world. */
export function rememberWorld(id: string): void {
  const url = new URL(window.location.href);
  url.searchParams.set(PARAMETER, id);
  window.history.replaceState(null, "", url);
}
