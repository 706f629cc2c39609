/** The page's own buttons: sound, sharing, full screen. */

import type { PageView } from "../ui/page";
import { address } from "./address";
import { invitation } from "./invite";

/** `offersSound`: there is a session to hear. */
export function wireTools(page: PageView, offersSound: () => boolean): void {
  const { video } = page;

  const setMuted = async (muted: boolean) => {
    video.muted = muted;
    // A browser that held the picture back until a gesture lets it go with this one.
    await video.play().catch(() => undefined);
  };
  page.sound.addEventListener("click", () => void setMuted(!video.muted));
  page.unmute.addEventListener("click", () => void setMuted(false));
  video.addEventListener("volumechange", () => page.showSound(video.muted, offersSound()));

  page.share.addEventListener("click", () => void share(page));

  page.fullscreen.addEventListener("click", () => {
    const change = document.fullscreenElement
      ? document.exitFullscreen()
      : document.documentElement.requestFullscreen({ navigationUI: "hide" });
    change.catch(() => page.remark("The browser does not allow full screen here"));
  });
  document.addEventListener("fullscreenchange", () =>
    page.showFullscreen(document.fullscreenElement !== null),
  );

  // After a click the keys are the world's again; after Tab and Enter focus stays.
  document.addEventListener("click", ({ detail, target }) => {
    if (detail > 0 && target instanceof Element) target.closest("button")?.blur();
  });
}

async function share(page: PageView): Promise<void> {
  const { session } = address();
  const here = window.location.href;
  const url = session === null ? here : await invitation(session, "watch").catch(() => here);
  const touch = window.matchMedia("(pointer: coarse)").matches;
  try {
    if (touch && "share" in navigator) await navigator.share({ title: document.title, url });
    else {
      await navigator.clipboard.writeText(url);
      page.remark("Link copied: send it to a friend");
    }
  } catch (error) {
    // The clipboard is there only on https and localhost.
    if (!(error instanceof DOMException && error.name === "AbortError")) page.remark(url);
  }
}
