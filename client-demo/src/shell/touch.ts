/** Fingers and mouse on the on-screen controls, by pointer events. */

export interface TouchListener {
  /** The control under this pointer, or null once it left or was lifted. */
  at(pointer: number, name: string | null, at: number): void;
}

/**
 * Follows every pointer that goes down on a `[data-control]` inside `area`: sliding from one
 * control to the next moves the hold along, as on a real pad.
 */
export function listenToTouch(area: HTMLElement, listener: TouchListener): void {
  const down = new Set<number>();

  const controlAt = (event: PointerEvent): string | null => {
    const element = document.elementFromPoint(event.clientX, event.clientY);
    return element?.closest<HTMLElement>("[data-control]")?.dataset["control"] ?? null;
  };

  area.addEventListener("pointerdown", (event) => {
    const name = controlAt(event);
    if (name === null || (event.pointerType === "mouse" && event.button !== 0)) return;
    event.preventDefault();
    area.setPointerCapture(event.pointerId);
    down.add(event.pointerId);
    listener.at(event.pointerId, name, event.timeStamp);
  });
  area.addEventListener("pointermove", (event) => {
    if (down.has(event.pointerId))
      listener.at(event.pointerId, controlAt(event), event.timeStamp);
  });
  const lifted = (event: PointerEvent) => {
    if (down.delete(event.pointerId)) listener.at(event.pointerId, null, event.timeStamp);
  };
  area.addEventListener("pointerup", lifted);
  area.addEventListener("pointercancel", lifted);
  area.addEventListener("lostpointercapture", lifted);
  area.addEventListener("contextmenu", (event) => event.preventDefault());
}
