/** Watching over WHEP (draft-ietf-wish-whep): offer out, answer in, DELETE at the end. */
import { type StatsEntry, type Totals, totals } from "../core/stream/rates";
import { refusal, request } from "./api";

/** Gathering host candidates takes milliseconds; a stuck interface must not hold the offer. */
const GATHERING_MS = 1000;

export class Watch {
  private readonly peer = new RTCPeerConnection({ iceServers: [] });
  private readonly cancel = new AbortController();
  private resource: string | null = null;
  readonly stream = new MediaStream();

  /** `lost` is called when an established connection fails. */
  constructor(lost: () => void) {
    this.peer.addTransceiver("video", { direction: "recvonly" });
    this.peer.addTransceiver("audio", { direction: "recvonly" });
    this.peer.addEventListener("track", ({ track }) => this.stream.addTrack(track));
    this.peer.addEventListener("connectionstatechange", () => {
      if (this.peer.connectionState === "failed") lost();
    });
  }

  /** Connect to a WHEP endpoint. Throws Unreachable, Refusal or a WebRTC DOMException. */
  async open(endpoint: string): Promise<void> {
    await this.peer.setLocalDescription();
    await this.gathered();
    const response = await request(endpoint, {
      method: "POST",
      headers: { "content-type": "application/sdp", accept: "application/sdp" },
      body: this.peer.localDescription?.sdp ?? "",
      signal: this.cancel.signal,
    });
    if (!response.ok) throw await refusal(response);
    const location = response.headers.get("location");
    if (location !== null)
      this.resource = new URL(location, new URL(endpoint, window.location.href)).href;
    await this.peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
  }

  async totals(): Promise<Totals> {
    const report = await this.peer.getStats();
    return totals(report.values() as Iterable<StatsEntry>, performance.now());
  }

  close(): void {
    this.cancel.abort();
    this.peer.close();
    if (this.resource === null) return;
    // The server may be gone already, and the page may be going: nobody waits for the answer.
    fetch(this.resource, { method: "DELETE", keepalive: true }).catch(() => undefined);
    this.resource = null;
  }

  private async gathered(): Promise<void> {
    if (this.peer.iceGatheringState === "complete") return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHERING_MS);
      this.peer.addEventListener("icegatheringstatechange", () => {
        if (this.peer.iceGatheringState !== "complete") return;
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
