/** Watching over WHEP (draft-ietf-wish-whep): offer out, answer in, DELETE at the end. */
import { iceServers } from "../core/stream/ice";
import { type StatsEntry, type Totals, totals } from "../core/stream/rates";
import { refusal, request } from "./api";

/** Gathering host candidates takes milliseconds; a stuck interface must not hold the offer. Those
 * of STUN and TURN servers take some round trips. */
const GATHERING_MS = 1000;
const GATHERING_FAR_MS = 3000;

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
    const servers = await this.servers(endpoint);
    this.peer.setConfiguration({ iceServers: servers });
    await this.peer.setLocalDescription();
    await this.gathered(servers.length === 0 ? GATHERING_MS : GATHERING_FAR_MS);
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

  /** Without them it may do: the offer says why it is refused. */
  private async servers(endpoint: string): Promise<RTCIceServer[]> {
    const answer = await request(endpoint, { method: "OPTIONS", signal: this.cancel.signal });
    return answer.ok ? iceServers(answer.headers.get("link")) : [];
  }

  private async gathered(withinMs: number): Promise<void> {
    if (this.peer.iceGatheringState === "complete") return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.peer.addEventListener("icegatheringstatechange", () => {
        if (this.peer.iceGatheringState !== "complete") return;
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
