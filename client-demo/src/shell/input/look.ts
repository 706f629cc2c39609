/** Looking around in the picture: a captured mouse, or a finger that drags. */

export interface LookListener {
  /** A pointer moved by so many CSS pixels. */
  moved(right: number, down: number): void;
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
  const fingers = new Map<number, readonly [x: number, y: number]>();

  area.addEventListener("click", (event) => {
    if (!wanted() || onButton(event) || document.pointerLockElement === area) return;
    if (window.matchMedia("(pointer: coarse)").matches) return;
    // Refused so soon after Esc, and where the page is a frame: it is no loss.
    Promise.resolve(area.requestPointerLock()).catch(() => undefined);
  });
  document.addEventListener("pointerlockchange", () =>
    listener.captured(document.pointerLockElement === area),
  );
  document.addEventListener("mousemove", ({ movementX, movementY }) => {
    if (document.pointerLockElement === area && (movementX !== 0 || movementY !== 0))
      listener.moved(movementX, movementY);
  });

  area.addEventListener("pointerdown", (event) => {
    if (!wanted() || event.pointerType === "mouse" || onButton(event)) return;
    area.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  area.addEventListener("pointermove", ({ pointerId, clientX, clientY }) => {
    const before = fingers.get(pointerId);
    if (before === undefined) return;
    fingers.set(pointerId, [clientX, clientY]);
    const [right, down] = [clientX - before[0], clientY - before[1]];
    if (right !== 0 || down !== 0) listener.moved(right, down);
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"] as const)
    area.addEventListener(type, ({ pointerId }) => fingers.delete(pointerId));
}

function onButton({ target }: Event): boolean {
  return target instanceof Element && target.closest("button") !== null;
}
