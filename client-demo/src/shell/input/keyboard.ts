/** Keys by W3C UI Events `code`. */

export interface KeyListener {
  down(code: string, at: number): void;
  up(code: string, at: number): void;
  /** The browser reports no release: take all keys as released. */
  released(at: number): void;
}

/**
 * Listens on the window until the page ends. Keys for which `isBound` holds do nothing else:
 * no scrolling, no find-as-you-type. A focused button keeps its Space and Enter, a text what is
 * typed into it, a menu its keys, and combinations with Ctrl, Alt or Meta stay the browser's.
 */
export function listenToKeys(isBound: (code: string) => boolean, listener: KeyListener): void {
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !isBound(event.code)) return;
    if (isActivation(event) || isTyping(event)) return;
    event.preventDefault();
    if (!event.repeat) listener.down(event.code, event.timeStamp);
  });
  window.addEventListener("keyup", (event) => {
    // macOS swallows the keyup of keys that were held together with Meta.
    if (event.key === "Meta") listener.released(event.timeStamp);
    else listener.up(event.code, event.timeStamp);
  });
}

/** Whether the key presses the button that has the focus. */
export function isPress({ code }: KeyboardEvent): boolean {
  return code === "Space" || code === "Enter" || code === "NumpadEnter";
}

function isActivation(event: KeyboardEvent): boolean {
  return (
    isPress(event) && event.target instanceof Element && event.target.closest("button, a") !== null
  );
}

function isTyping({ target }: KeyboardEvent): boolean {
  return target instanceof Element && target.closest("input, select, textarea, [popover]") !== null;
}
