/** Fingers, mouse and keyboard on the on-screen controls. */
import { isPress } from "./keyboard";

export interface TouchListener {
  /** The control under this pointer, or null once it left or was lifted. */
  at(pointer: number, name: string | null, at: number): void;
}

/** Stand for the keyboard and for clicks among the pointers, whose ids are not negative. */
const KEYBOARD = -1;
const CLICK = -2;
const CLICK_MS = 150;

/**
 * Follows every pointer that goes down on a `[data-control]` inside `area`: sliding from one
 * control to the next moves the hold along, as on a real pad. Space and Enter hold the control
 * that has the focus. A click without pointer or key, as a screen reader makes it, is a short tap.
 */
export function listenToTouch(area: HTMLElement, listener: TouchListener): void {
  const down = new Set<number>();

  const under = (element: Element | null): string | null =>
    element?.closest<HTMLElement>("[data-control]")?.dataset["control"] ?? null;
  const controlAt = (event: PointerEvent): string | null =>
    under(document.elementFromPoint(event.clientX, event.clientY));

  area.addEventListener("pointerdown", (event) => {
    const name = controlAt(event);
    if (name === null || (event.pointerType === "mouse" && event.button !== 0)) return;
    event.preventDefault();
    area.setPointerCapture(event.pointerId);
    down.add(event.pointerId);
    listener.at(event.pointerId, name, event.timeStamp);
  });
  area.addEventListener("pointermove", (event) => {
    if (down.has(event.pointerId)) listener.at(event.pointerId, controlAt(event), event.timeStamp);
  });
  const lifted = (event: PointerEvent) => {
    if (down.delete(event.pointerId)) listener.at(event.pointerId, null, event.timeStamp);
  };
  area.addEventListener("pointerup", lifted);
  area.addEventListener("pointercancel", lifted);
  area.addEventListener("lostpointercapture", lifted);
  area.addEventListener("contextmenu", (event) => event.preventDefault());
  // A click gives no focus: Space would press that control instead of what it is bound to.
  area.addEventListener("mousedown", (event) => {
    if (event.target instanceof Element && under(event.target) !== null) event.preventDefault();
  });

  area.addEventListener("keydown", (event) => {
    const name = event.target instanceof Element ? under(event.target) : null;
    if (name === null || !isPress(event)) return;
    event.preventDefault(); // of the click that would follow
    if (!event.repeat) listener.at(KEYBOARD, name, event.timeStamp);
  });
  area.addEventListener("keyup", (event) => {
    if (!isPress(event)) return;
    if (event.target instanceof Element && under(event.target) !== null) event.preventDefault();
    listener.at(KEYBOARD, null, event.timeStamp);
  });
  area.addEventListener("click", ({ target, detail, timeStamp }) => {
    const name = target instanceof Element ? under(target) : null;
    if (name === null || detail > 0) return;
    listener.at(CLICK, name, timeStamp);
    setTimeout(() => listener.at(CLICK, null, performance.now()), CLICK_MS);
  });
  area.addEventListener("focusout", ({ timeStamp }) => listener.at(KEYBOARD, null, timeStamp));
}
