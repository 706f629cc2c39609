/** The button that runs the session back, and how far back it has come. */
import { type Rewinding, rewindText } from "../core/rewinding";
import { listenToHold } from "../shell/input/hold";
import { byId, setHidden, setOptional } from "./elements";
import { dress } from "./icons";

export class RewindView {
  private readonly button = byId<HTMLButtonElement>("rewind");
  private readonly overlay = byId("rewound");

  constructor(listener: { hold(): void; release(): void }) {
    dress(this.button, "rewind", "Hold to run back (R)");
    listenToHold(this.button, { down: () => listener.hold(), up: () => listener.release() });
  }

  offer(possible: boolean): void {
    setHidden(this.button, !possible);
  }

  show(rewinding: Rewinding, fps: number): void {
    setOptional(this.overlay, rewindText(rewinding, fps));
    this.button.setAttribute("aria-pressed", String(rewinding.phase === "back"));
  }
}
