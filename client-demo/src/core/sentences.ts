/** Sentences from pieces that may or may not end as one. Pure. */

/** Empty ones are left out; each begins with a capital and ends with a mark. */
export function sentences(...pieces: readonly string[]): string {
  return pieces
    .filter((piece) => piece !== "")
    .map((piece) => piece.charAt(0).toUpperCase() + piece.slice(1))
    .map((piece) => (/[.!?…]$/.test(piece) ? piece : `${piece}.`))
    .join(" ");
}
