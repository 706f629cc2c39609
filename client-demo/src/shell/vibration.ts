/**
 * Vibrates what the driver holds when something is suddenly heard: a contact, a shot. Worlds are
 * learned, and report no contacts; all of them are heard.
 */
import { hear, type Loudness, SILENCE } from "../core/stream/onsets";

export type Hand = "gamepad" | "touch";

const WINDOW = 1024; // samples: 21 ms
const LEAST_MS = 30;
const MOST_MS = 120;

export class Vibration {
  enabled = true;
  private hand: Hand | null = null;
  private wanted = false;
  private context: AudioContext | null = null;
  private source: MediaStreamAudioSourceNode | null = null;
  private analyser: AnalyserNode | null = null;
  private track: MediaStreamTrack | null = null;
  private loudness: Loudness = SILENCE;
  private running = false;
  private readonly samples = new Float32Array(WINDOW);

  constructor(private readonly video: HTMLVideoElement) {}

  /** Whether somebody drives here now. */
  want(wanted: boolean): void {
    this.wanted = wanted;
    this.run();
  }

  /** What the driver steers with from now on; null: something that cannot vibrate. */
  holds(hand: Hand | null): void {
    this.hand = hand;
    this.run();
  }

  private get active(): boolean {
    return this.enabled && this.wanted && this.hand !== null && !document.hidden;
  }

  private run(): void {
    if (this.running || !this.active) return;
    this.running = true;
    requestAnimationFrame(this.look);
  }

  private readonly look = (now: number): void => {
    this.running = this.active;
    if (!this.running) return;
    const analyser = this.connected();
    if (analyser !== null) {
      analyser.getFloatTimeDomainData(this.samples);
      const power = this.samples.reduce((sum, x) => sum + x * x, 0) / WINDOW;
      const [loudness, onset] = hear(this.loudness, Math.sqrt(power), now);
      this.loudness = loudness;
      if (onset > 0) this.shake(onset);
    }
    requestAnimationFrame(this.look);
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
      this.loudness = SILENCE;
    }
    if (this.context?.state === "suspended") void this.context.resume();
    return this.analyser;
  }

  private shake(strength: number): void {
    const duration = LEAST_MS + strength * (MOST_MS - LEAST_MS);
    if (this.hand === "touch") navigator.vibrate?.(duration);
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
