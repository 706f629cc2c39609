/** Gamepads: hot-plugged, polled once per animation frame while any is connected. */

export interface PadListener {
  state(pad: Gamepad, at: number): void;
  connected(pad: Gamepad): void;
  /** `left` is the number of gamepads that are still connected. */
  gone(pad: Gamepad, left: number, at: number): void;
}

export function listenToGamepads(listener: PadListener): void {
  let polling = false;

  const pads = () =>
    navigator.getGamepads().filter((pad): pad is Gamepad => pad?.connected === true);

  const poll = () => {
    const now = performance.now();
    const connected = pads();
    for (const pad of connected) listener.state(pad, now);
    polling = connected.length > 0;
    if (polling) requestAnimationFrame(poll);
  };

  window.addEventListener("gamepadconnected", ({ gamepad }) => {
    listener.connected(gamepad);
    if (polling) return;
    polling = true;
    requestAnimationFrame(poll);
  });
  window.addEventListener("gamepaddisconnected", ({ gamepad }) =>
    listener.gone(gamepad, pads().length, performance.now()),
  );
}
