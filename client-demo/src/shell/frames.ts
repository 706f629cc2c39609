/** Frames as the browser presents them. */

export interface FrameReport {
  /** Null where the browser gives none (it then has no media time either). */
  readonly rtpTimestamp: number | null;
  readonly presentedAt: number;
  readonly displayAt: number;
}

/**
 * Calls `presented` for every frame of `video` until the returned function is called. A browser
 * without requestVideoFrameCallback only shows that the picture goes on, a few times a second.
 */
export function watchFrames(
  video: HTMLVideoElement,
  presented: (frame: FrameReport) => void,
): () => void {
  if (!("requestVideoFrameCallback" in video)) return watchProgress(video, presented);
  const next = (_: number, metadata: VideoFrameCallbackMetadata) => {
    handle = video.requestVideoFrameCallback(next);
    const { rtpTimestamp = null, expectedDisplayTime } = metadata;
    presented({ rtpTimestamp, presentedAt: performance.now(), displayAt: expectedDisplayTime });
  };
  let handle = video.requestVideoFrameCallback(next);
  return () => video.cancelVideoFrameCallback(handle);
}

function watchProgress(
  video: HTMLMediaElement,
  presented: (frame: FrameReport) => void,
): () => void {
  const went = () => {
    const now = performance.now();
    presented({ rtpTimestamp: null, presentedAt: now, displayAt: now });
  };
  const events = ["loadeddata", "timeupdate"] as const;
  for (const type of events) video.addEventListener(type, went);
  return () => {
    for (const type of events) video.removeEventListener(type, went);
  };
}
