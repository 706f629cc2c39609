/** Keeps the screen on while somebody plays (W3C Screen Wake Lock), where the browser can. */

export class Awake {
  private wanted = false;
  private lock: WakeLockSentinel | null = null;
  private asking = false;

  constructor() {
    // A page that is hidden loses its lock.
    document.addEventListener("visibilitychange", () => void this.settle());
  }

  want(wanted: boolean): void {
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    void this.settle();
  }

  private async settle(): Promise<void> {
    if (this.asking || !("wakeLock" in navigator)) return;
    if (!this.wanted) {
      await this.lock?.release();
      this.lock = null;
      return;
    }
    if (document.hidden || this.lock?.released === false) return;
    this.asking = true;
    // Refused where the battery is low, or the page may not.
    this.lock = await navigator.wakeLock.request("screen").catch(() => null);
    this.asking = false;
    if (!this.wanted) await this.settle();
  }
}
