/** Looking around in the picture: a captured mouse, or a finger that drags. */

export interface LookListener {
  /** A pointer moved sideways by so many CSS pixels. */
  moved(pixels: number): void;
  captured(captured: boolean): void;
}

/**
 * Listens on the picture `area`, while `wanted()` holds. A click takes the mouse (Pointer Lock;
 * Esc gives it back), a finger turns as long as it drags. Buttons over the picture stay buttons.
 */
export function listenToLook(
  area: HTMLElement,
  wanted: () => boolean,
  listener: LookListener,
): void {
  const fingers = new Map<number, number>();

  area.addEventListener("click", (event) => {
    if (!wanted() || onButton(event) || document.pointerLockElement === area) return;
    if (window.matchMedia("(pointer: coarse)").matches) return;
    // Refused so soon after Esc, and where the page is a frame: it is no loss.
    Promise.resolve(area.requestPointerLock()).catch(() => undefined);
  });
  document.addEventListener("pointerlockchange", () =>
    listener.captured(document.pointerLockElement === area),
  );
  document.addEventListener("mousemove", ({ movementX }) => {
    if (document.pointerLockElement === area && movementX !== 0) listener.moved(movementX);
  });

  area.addEventListener("pointerdown", (event) => {
    if (!wanted() || event.pointerType === "mouse" || onButton(event)) return;
    area.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event.clientX);
  });
  area.addEventListener("pointermove", ({ pointerId, clientX }) => {
    const before = fingers.get(pointerId);
    if (before === undefined) return;
    fingers.set(pointerId, clientX);
    if (clientX !== before) listener.moved(clientX - before);
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"] as const)
    area.addEventListener(type, ({ pointerId }) => fingers.delete(pointerId));
}

function onButton({ target }: Event): boolean {
  return target instanceof Element && target.closest("button") !== null;
}
