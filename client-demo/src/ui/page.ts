/** The page around the controls: words, measurements, and what lies over the picture. */
import {
  type Action,
  consentText,
  pauseText,
  playText,
  type Role,
  type SessionPhase,
  type Veil,
} from "../core/copy";
import type { SessionDescription } from "../protocol";
import { buttons, byId, setHidden, setOptional, setText } from "./elements";
import { dress } from "./icons";

const TOAST_MS = 4000;

export class PageView {
  readonly stage = byId("stage");
  readonly video = byId<HTMLVideoElement>("video");
  readonly sound = byId<HTMLButtonElement>("sound");
  readonly unmute = byId<HTMLButtonElement>("unmute");
  readonly share = byId<HTMLButtonElement>("share");
  readonly fullscreen = byId<HTMLButtonElement>("fullscreen");
  readonly volume = byId<HTMLInputElement>("volume");
  private readonly page = byId("page");
  private readonly played = byId("play-recorded");
  private readonly toast = byId("toast");
  private toastTimer = 0;
  private hasSound = true;

  /** `done`: a button of the card over the picture, or of the notice, was pressed. */
  constructor(private readonly done: (action: Action) => void) {
    dress(this.share, "share", "Share this session");
    dress(this.unmute, "soundOff", "Turn the sound on", "Turn the sound on");
    this.showFullscreen(false);
    this.showSound(true, false);
  }

  describe(session: SessionDescription): void {
    setText(byId("title"), session.title);
    setText(byId("description"), session.description);
    document.title = `${session.title} · Lightcone`;
    this.page.style.setProperty("--aspect", String(session.width / session.height));
    this.hasSound = session.sample_rate !== null;
    setHidden(this.played, !session.play_recorded);
    this.played.title = consentText(session.consent);
    setText(byId("consent"), consentText(session.consent));
  }

  status(role: Role, phase: SessionPhase, degradation: string): void {
    setOptional(byId("badge"), degradation);
    setOptional(byId("banner"), pauseText(phase));
    setText(this.played, playText(role));
    this.page.dataset["role"] = role;
  }

  /** `leave`: words of a button that leaves the queue, null for none. */
  notice(text: string | null, leave: string | null = null): void {
    setHidden(byId("notice"), text === null);
    setText(byId("notice-text"), text ?? "");
    const choices = leave === null ? [] : [{ label: leave }];
    buttons(byId("notice-choices"), "small", choices, () => this.done({ type: "leave_queue" }));
  }

  /** For who can not see the page. */
  announce(text: string): void {
    setText(byId("announcer"), text);
  }

  veil(veil: Veil | null): void {
    setHidden(byId("veil"), veil === null);
    this.page.classList.toggle("veiled", veil !== null);
    if (veil === null) return;
    setHidden(byId("veil-busy"), !veil.busy);
    setText(byId("veil-title"), veil.title);
    setOptional(byId("veil-text"), veil.text);
    buttons(byId("veil-choices"), "action", veil.choices, ({ action }) => this.done(action));
  }

  /** `offer`: there is sound to turn on, so offer that over the picture. */
  showSound(muted: boolean, offer: boolean): void {
    dress(this.sound, muted ? "soundOff" : "soundOn", muted ? "Turn the sound on" : "Mute");
    this.sound.setAttribute("aria-pressed", String(!muted));
    setHidden(this.sound, !this.hasSound);
    setHidden(byId("volume-row"), !this.hasSound);
    setHidden(this.unmute, !(muted && offer && this.hasSound));
  }

  /** 0 to 1. */
  showVolume(volume: number): void {
    this.video.volume = volume;
    this.volume.value = String(volume);
    this.volume.setAttribute("aria-valuetext", `${Math.round(100 * volume)} %`);
  }

  get isFull(): boolean {
    return this.page.classList.contains("full");
  }

  /** Whether something lies over the whole page, so that keys are not the world's. */
  get isCovered(): boolean {
    return document.querySelector("dialog[open]") !== null;
  }

  /** The picture as large as it can be, without the words around it. */
  showFullscreen(full: boolean): void {
    this.page.classList.toggle("full", full);
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
    if (captured) this.remark("The mouse looks around now; Esc gives it back");
  }

  /** A file hovers over the page. */
  showDrop(over: boolean): void {
    this.page.classList.toggle("dropping", over);
  }

  /** A passing remark. */
  remark(text: string): void {
    setText(this.toast, text);
    this.toast.classList.add("on");
    clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => this.toast.classList.remove("on"), TOAST_MS);
  }
}
