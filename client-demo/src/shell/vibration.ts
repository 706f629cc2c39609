/**
 * Vibrates what the driver holds when something is suddenly heard: a contact, a shot. Worlds are
 * learned, and report no contacts; all of them are heard.
 */
import { hear, type Loudness, SILENCE } from "../core/stream/onsets";

export type Hand = "gamepad" | "touch";

const WINDOW = 1024; // samples: 21 ms
const LEAST_MS = 30;
const MOST_MS = 120;
const SETTLES_MS = 300;

export class Vibration {
  private on = true;
  private hand: Hand | null = null;
  private wanted = false;
  private context: AudioContext | null = null;
  private source: MediaStreamAudioSourceNode | null = null;
  private analyser: AnalyserNode | null = null;
  private track: MediaStreamTrack | null = null;
  private loudness: Loudness = SILENCE;
  private knownAt = 0; // from when on the level is that of the sound, and not of its beginning
  private frame = 0;
  private readonly samples = new Float32Array(WINDOW);

  constructor(private readonly video: HTMLVideoElement) {
    document.addEventListener("visibilitychange", () => this.settle());
  }

  enable(on: boolean): void {
    this.on = on;
    this.settle();
  }

  /** Whether somebody drives here now. */
  want(wanted: boolean): void {
    this.wanted = wanted;
    this.settle();
  }

  /** What the driver has just pressed; null: something that cannot vibrate. */
  holds(hand: Hand | null): void {
    const phone = "vibrate" in navigator && matchMedia("(pointer: coarse)").matches;
    this.hand = hand === "touch" && !phone ? null : hand;
    this.settle();
  }

  /** Listens while there is something to vibrate, and costs nothing otherwise. */
  private settle(): void {
    const listens = this.on && this.wanted && this.hand !== null && !document.hidden;
    if (!listens) {
      cancelAnimationFrame(this.frame);
      this.frame = 0;
      if (this.context?.state === "running") void this.context.suspend();
    } else {
      // A press is the gesture without which a browser lets no context run.
      if (this.context?.state === "suspended") void this.context.resume();
      if (this.frame === 0) this.frame = requestAnimationFrame(this.look);
    }
  }

  private readonly look = (now: number): void => {
    this.frame = requestAnimationFrame(this.look);
    const analyser = this.connected();
    if (analyser === null || analyser.context.state !== "running") {
      this.knownAt = now + SETTLES_MS;
      return;
    }
    analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, x) => sum + x * x, 0) / WINDOW;
    const [loudness, onset] = hear(this.loudness, Math.sqrt(power), now);
    this.loudness = loudness;
    if (onset > 0 && now > this.knownAt) this.shake(onset);
  };

  /** The analyser of the sound that is played; null while there is none. */
  private connected(): AnalyserNode | null {
    const stream = this.video.srcObject;
    const track = stream instanceof MediaStream ? stream.getAudioTracks()[0] : undefined;
    if (track === undefined) return null;
    if (track !== this.track) {
      this.track = track;
      this.context ??= new AudioContext();
      this.source?.disconnect();
      this.source = this.context.createMediaStreamSource(new MediaStream([track]));
      this.analyser = new AnalyserNode(this.context, { fftSize: WINDOW });
      this.source.connect(this.analyser);
      this.knownAt = performance.now() + SETTLES_MS;
    }
    return this.analyser;
  }

  private shake(strength: number): void {
    const duration = LEAST_MS + strength * (MOST_MS - LEAST_MS);
    if (this.hand === "touch") navigator.vibrate(duration);
    else
      for (const pad of navigator.getGamepads())
        void pad?.vibrationActuator
          ?.playEffect("dual-rumble", {
            duration,
            strongMagnitude: strength,
            weakMagnitude: strength,
          })
          .catch(() => undefined); // a pad without motors
  }
}
