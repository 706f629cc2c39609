/** The page around the controls: words, measurements, the card over the picture. */
import { megabits, milliseconds, perSecond, roleText, type Veil } from "../core/copy";
import type { Rates } from "../core/rates";
import type { Status, WorldDescription } from "../protocol";
import { byId, setHidden, setOptional, setText } from "./elements";
import { dress } from "./icons";

const TOAST_MS = 4000;

export class PageView {
  readonly stage = byId("stage");
  readonly video = byId<HTMLVideoElement>("video");
  readonly sound = byId<HTMLButtonElement>("sound");
  readonly unmute = byId<HTMLButtonElement>("unmute");
  readonly share = byId<HTMLButtonElement>("share");
  readonly fullscreen = byId<HTMLButtonElement>("fullscreen");
  readonly action = byId<HTMLButtonElement>("veil-action");
  private readonly page = byId("page");
  private readonly toast = byId("toast");
  private toastTimer = 0;

  constructor() {
    dress(this.share, "share", "Share this world");
    dress(this.unmute, "soundOff", "Turn the sound on", "Turn the sound on");
    this.fullscreen.hidden = !document.fullscreenEnabled;
    this.showFullscreen(false);
    this.showSound(true, false);
  }

  describe(world: WorldDescription): void {
    setText(byId("title"), world.title);
    setText(byId("description"), world.description);
    document.title = `${world.title} · Lightcone`;
    this.page.style.setProperty("--aspect", String(world.width / world.height));
  }

  status(status: Status): void {
    const [title, text] = roleText(status);
    setHidden(byId("role"), false);
    setText(byId("role-title"), title);
    setText(byId("role-text"), text);
    setText(byId("stalls"), String(status.stalls));
    this.page.dataset["role"] = status.role;
  }

  notice(text: string | null): void {
    setOptional(byId("notice"), text);
  }

  measurements(latencyMs: number | null, rates: Rates | null): void {
    setText(byId("latency"), milliseconds(latencyMs));
    setText(byId("fps"), perSecond(rates?.fps ?? null));
    setText(byId("bitrate"), megabits(rates?.bitrate ?? null));
  }

  veil(veil: Veil | null): void {
    setHidden(byId("veil"), veil === null);
    this.page.classList.toggle("veiled", veil !== null);
    if (veil === null) return;
    setHidden(byId("veil-busy"), !veil.busy);
    setText(byId("veil-title"), veil.title);
    setOptional(byId("veil-text"), veil.text);
    setOptional(this.action, veil.action);
  }

  /** `offer`: there is sound to turn on, so say so over the picture. */
  showSound(muted: boolean, offer: boolean): void {
    dress(this.sound, muted ? "soundOff" : "soundOn", muted ? "Turn the sound on" : "Mute");
    this.sound.setAttribute("aria-pressed", String(!muted));
    setHidden(this.unmute, !(muted && offer));
  }

  showFullscreen(full: boolean): void {
    dress(
      this.fullscreen,
      full ? "window" : "fullscreen",
      full ? "Leave full screen" : "Full screen",
    );
    this.fullscreen.setAttribute("aria-pressed", String(full));
  }

  /** The controls show a gamepad's buttons instead of keys while one is connected. */
  showGamepads(connected: boolean): void {
    this.page.classList.toggle("has-pad", connected);
  }

  /** The mouse can look around in this world. */
  offerLook(offer: boolean): void {
    this.page.classList.toggle("looks", offer);
  }

  /** The mouse is taken, or given back. */
  showCaptured(captured: boolean): void {
    this.page.classList.toggle("captured", captured);
    if (captured) this.say("The mouse looks around now; Esc gives it back");
  }

  /** A file hovers over the page. */
  showDrop(over: boolean): void {
    this.page.classList.toggle("dropping", over);
  }

  /** A passing remark. */
  say(text: string): void {
    setText(this.toast, text);
    this.toast.classList.add("on");
    clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => this.toast.classList.remove("on"), TOAST_MS);
  }
}
