/**
 * A button that counts for as long as it is held, by a pointer or by Space or Enter. A click
 * without either, as a screen reader makes it, holds it until the next one.
 */
import { isPress } from "./keyboard";

export interface HoldListener {
  down(): void;
  up(): void;
}

export function listenToHold(button: HTMLElement, listener: HoldListener): void {
  let clicked = false;
  button.addEventListener("click", ({ detail }) => {
    if (detail > 0) return;
    clicked = !clicked;
    if (clicked) listener.down();
    else listener.up();
  });
  button.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    listener.down();
  });
  // A click gives no focus, so that the keys stay the world's.
  button.addEventListener("mousedown", (event) => event.preventDefault());
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", (event) => {
    if (!isPress(event)) return;
    event.preventDefault();
    if (!event.repeat) listener.down();
  });
  button.addEventListener("keyup", (event) => {
    if (!isPress(event)) return;
    event.preventDefault(); // of the click that some browsers make now
    listener.up();
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture", "blur"] as const)
    button.addEventListener(type, () => {
      clicked = false;
      listener.up();
    });
}
