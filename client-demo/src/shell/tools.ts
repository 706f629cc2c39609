/** The page's own buttons: sound, sharing, full screen; and picture in picture. */

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

  wireFullscreen(page);

  // After a click the keys are the world's again; after Tab and Enter focus stays.
  document.addEventListener("click", ({ detail, target }) => {
    if (detail === 0 || !(target instanceof Element) || target.closest("dialog")) return;
    target.closest("button")?.blur();
  });
}

/** Where the browser has no full screen (iPhone), the page fills its window with the picture. */
function wireFullscreen(page: PageView): void {
  const change = async () => {
    if (!document.fullscreenEnabled) return page.showFullscreen(!page.isFull);
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen({ navigationUI: "hide" });
  };
  page.fullscreen.addEventListener("click", () => {
    change().catch(() => page.remark("The browser does not allow full screen here"));
  });
  document.addEventListener("fullscreenchange", () =>
    page.showFullscreen(document.fullscreenElement !== null),
  );
  document.addEventListener("keydown", ({ code }) => {
    if (code === "Escape" && page.isFull && !document.fullscreenEnabled) page.showFullscreen(false);
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

/** A window of the picture over other windows, or back. Rejects where the browser does not. */
export async function togglePictureInPicture(video: HTMLVideoElement): Promise<void> {
  if (document.pictureInPictureElement === video) await document.exitPictureInPicture();
  else await video.requestPictureInPicture();
}
